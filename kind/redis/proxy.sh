# Connects standard input and output to the server on a port, or on a socket.
port=$1 socket=$2
has() { command -v "$1" >/dev/null 2>&1; }
if [ -n "$socket" ]; then
	if has socat; then exec socat - "UNIX-CONNECT:$socket"; fi
	if nc -h 2>&1 | grep -q -e -U; then exec nc -U "$socket"; fi
fi
if has socat; then exec socat - "TCP:127.0.0.1:$port"; fi
if has perl; then
	exec perl -MIO::Socket::INET -MIO::Socket::UNIX -MIO::Select -e '
		my ($port, $socket) = @ARGV;
		my $server = ($socket ? IO::Socket::UNIX->new(Peer => $socket) : IO::Socket::INET->new("127.0.0.1:$port")) or exit 1;
		my $ready = IO::Select->new(\*STDIN, $server);
		while (my @inputs = $ready->can_read) {
			for my $input (@inputs) {
				my $output = $input == $server ? \*STDOUT : $server;
				sysread($input, my $bytes, 65536) or exit;
				while (length $bytes) {
					my $n = syswrite($output, $bytes) or exit 1;
					substr($bytes, 0, $n, "");
				}
			}
		}' "$port" "$socket"
fi
if has nc; then exec nc 127.0.0.1 "$port"; fi
if has bash; then exec bash -c 'exec 3<>"/dev/tcp/127.0.0.1/$1" || exit 1; cat <&3 & cat >&3; kill $!' bash "$port"; fi
exit 127
