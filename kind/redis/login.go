package redis

import (
	"bufio"
	"bytes"
	"slices"
	"strings"
)

// login is a user to log in as; the default one if user is "". Its password
// never leaves this package.
type login struct {
	user     string
	password string
}

// passwordNames are the variables that images in wide use read.
var passwordNames = []string{"REDIS_PASSWORD", "VALKEY_PASSWORD", "REDISCLI_AUTH", "VALKEYCLI_AUTH", "REDIS_ADMIN_PASSWORD", "REDIS_PASS"}

// logins returns the users that a container names in its environment, its
// command line and its configuration file, and at last no password at all.
// readFile reads a file in the container.
func logins(vars map[string]string, command []string, readFile func(path string) ([]byte, error)) []login {
	var found []login
	add := func(l login) {
		if l.password != "" && !slices.Contains(found, l) {
			found = append(found, l)
		}
	}
	var users []string
	for _, name := range []string{"REDIS_USERNAME", "REDIS_USER", "VALKEY_USERNAME", "VALKEY_USER"} {
		if user := vars[name]; user != "" {
			users = append(users, user)
		}
	}
	for _, name := range passwordNames {
		password := secret(vars, name, readFile)
		for _, user := range users {
			add(login{user, password})
		}
		add(login{password: password})
	}
	for _, l := range loginsOf(directives(command, readFile)) {
		add(l)
	}
	return append(found, login{})
}

func secret(vars map[string]string, name string, readFile func(string) ([]byte, error)) string {
	if v := vars[name]; v != "" {
		return v
	}
	path := vars[name+"_FILE"]
	if path == "" {
		return ""
	}
	content, err := readFile(path)
	if err != nil {
		return "" // another way may do without it
	}
	return strings.TrimRight(string(content), "\r\n")
}

// loginsOf returns the users for whom a plain password is configured.
func loginsOf(directives [][]string) []login {
	var found []login
	for _, d := range directives {
		switch {
		case d[0] == "requirepass" && len(d) > 1:
			found = append(found, login{password: d[1]})
		case d[0] == "user" && len(d) > 2 && slices.Contains(d, "on"):
			for _, word := range d[2:] {
				if password, ok := strings.CutPrefix(word, ">"); ok {
					found = append(found, login{d[1], password})
				}
			}
		}
	}
	return found
}

// maxConfig bounds how much of a configuration file is read.
const maxConfig = 1 << 20

// directives returns the configuration that a command line gives, and that of
// the file it names: a directive and its arguments each.
func directives(command []string, readFile func(path string) ([]byte, error)) [][]string {
	var out [][]string
	for i, word := range command {
		name, ok := strings.CutPrefix(word, "--")
		switch {
		case ok:
			words := []string{strings.ToLower(name)}
			for _, argument := range command[i+1:] {
				if strings.HasPrefix(argument, "--") {
					break
				}
				words = append(words, argument)
			}
			out = append(out, words)
		case strings.HasSuffix(word, ".conf") && i > 0 && !strings.HasPrefix(command[i-1], "--"):
			if content, err := readFile(word); err == nil {
				out = append(out, parseConfig(content)...)
			}
		}
	}
	return out
}

// parseConfig reads the directives of a configuration file.
func parseConfig(content []byte) [][]string {
	var out [][]string
	lines := bufio.NewScanner(bytes.NewReader(content))
	for lines.Scan() {
		words := strings.Fields(lines.Text())
		if len(words) == 0 || strings.HasPrefix(words[0], "#") {
			continue
		}
		words[0] = strings.ToLower(words[0])
		for i, w := range words {
			if len(w) > 1 && (w[0] == '"' || w[0] == '\'') && w[len(w)-1] == w[0] {
				words[i] = w[1 : len(w)-1]
			}
		}
		out = append(out, words)
	}
	return out
}
