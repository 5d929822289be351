package rdb

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The checksum of the format's own documentation (crc64.c).
func TestChecksum(t *testing.T) {
	require.Equal(t, uint64(0xe9c6d914c4b8d9ca), checksum(0, []byte("123456789")))
}

// file returns an RDB with the given records and a right checksum.
func file(records ...string) []byte {
	b := []byte("REDIS0009" + strings.Join(records, "") + "\xff")
	return binary.LittleEndian.AppendUint64(b, checksum(0, b))
}

// text encodes a short string.
func text(s string) string { return string(rune(len(s))) + s }

func readAll(r *Reader) ([]Record, error) {
	var all []Record
	for {
		record, err := r.Next()
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return all, err
		}
		all = append(all, record)
	}
}

func digestOf(t *testing.T, encoding byte, value string) (Type, Digest) {
	t.Helper()
	records, err := readAll(NewReader(bytes.NewReader(file(string([]byte{encoding}) + text("k") + value))))
	require.NoError(t, err)
	require.Len(t, records, 1)
	return records[0].Key.Type, records[0].Key.Digest
}

func unhex(t *testing.T, s string) string {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	require.NoError(t, err)
	return string(b)
}

// Ziplists are what servers before version 7 wrote; none is here to write one.
// The elements are "a", 3, -7, 300, 70000, 5000000, 5000000000: each width.
func TestPackings(t *testing.T) {
	zip := unhex(t, "00000000 00000000 0700"+
		"00 01 61"+"03 f4"+"02 fe f9"+"03 c0 2c01"+"04 f0 701101"+"05 d0 404b4c00"+"06 e0 00f2052a01000000"+"ff")
	list := unhex(t, "00000000 0700"+
		"81 61 02"+"03 01"+"df f9 02"+"c1 2c 02"+"f2 701101 04"+"f3 404b4c00 05"+"f4 00f2052a01000000 09"+"ff")
	want := []string{"a", "3", "-7", "300", "70000", "5000000", "5000000000"}
	for name, open := range map[string]func() ([][]byte, error){
		"ziplist":  func() ([][]byte, error) { return ziplist([]byte(zip)) },
		"listpack": func() ([][]byte, error) { return listpack([]byte(list)) },
	} {
		elements, err := open()
		require.NoError(t, err, name)
		have := make([]string, len(elements))
		for i, e := range elements {
			have[i] = string(e)
		}
		require.Equal(t, want, have, name)
	}
	plain := "\x07"
	for _, e := range want {
		plain += text(e)
	}
	kind, digest := digestOf(t, 1, plain)
	require.Equal(t, List, kind)
	for encoding, value := range map[byte]string{10: text(zip), 14: "\x01" + text(zip), 18: "\x01\x02" + text(list)} {
		kind, same := digestOf(t, encoding, value)
		require.Equal(t, List, kind)
		require.Equal(t, digest, same, "encoding %d", encoding)
	}
}

// The same hash, plainly and with deadlines of fields, and in another order.
func TestHashes(t *testing.T) {
	_, plain := digestOf(t, 4, "\x02"+text("a")+text("1")+text("b")+text("2"))
	_, other := digestOf(t, 4, "\x02"+text("b")+text("2")+text("a")+text("1"))
	require.Equal(t, plain, other)
	_, none := digestOf(t, 24, strings.Repeat("\x00", 8)+"\x02\x00"+text("a")+text("1")+"\x00"+text("b")+text("2"))
	require.Equal(t, plain, none)
	_, mortal := digestOf(t, 24, "\x10"+strings.Repeat("\x00", 7)+"\x02\x01"+text("a")+text("1")+"\x00"+text("b")+text("2"))
	require.NotEqual(t, plain, mortal)
	pack := unhex(t, "00000000 0600"+"81 61 02"+"01 01"+"10 01"+"81 62 02"+"02 01"+"00 01"+"ff")
	_, packed := digestOf(t, 25, "\x10"+strings.Repeat("\x00", 7)+text(pack))
	require.Equal(t, mortal, packed)
}

func TestCompressedStrings(t *testing.T) {
	_, plain := digestOf(t, 0, text(strings.Repeat("a", 20)))
	_, packed := digestOf(t, 0, "\xc3\x05\x14\x00a\xe0\x0a\x00")
	require.Equal(t, plain, packed)
	_, number := digestOf(t, 0, "\xc1\x2c\x01")
	_, digits := digestOf(t, 0, text("300"))
	require.Equal(t, digits, number)
}

// What a module wrote is skipped by its own marks.
func TestModules(t *testing.T) {
	value := "\x05" + "\x02\x07" + "\x05" + text("x") + "\x04" + strings.Repeat("\x01", 8) + "\x03" + strings.Repeat("\x01", 4) + "\x00"
	records, err := readAll(NewReader(bytes.NewReader(file("\xf7\x05\x02\x01\x05"+text("aux")+"\x00", "\x07"+text("k")+value, "\x00"+text("next")+text("v")))))
	require.NoError(t, err)
	require.Len(t, records, 3)
	require.EqualValues(t, 5, records[0].Module)
	require.Equal(t, Module, records[1].Key.Type)
	require.Equal(t, "next", string(records[2].Key.Name))
}

// The copy is an RDB of the same keys, whatever was remarked beside them.
func TestCopyHoldsNoRemarks(t *testing.T) {
	key := "\xfc\x01\x00\x00\x00\x00\x00\x00\x00\x00" + text("k") + text("v")
	copied := func(records ...string) []byte {
		var b bytes.Buffer
		r := NewReader(bytes.NewReader(file(records...)))
		r.Copy = &b
		_, err := readAll(r)
		require.NoError(t, err)
		return b.Bytes()
	}
	one := copied("\xfa"+text("ctime")+text("1"), "\xfe\x03", "\xfb\x01\x01", "\xf8\x05"+key)
	require.Equal(t, one, copied("\xfa"+text("ctime")+text("2"), "\xfa"+text("x")+text("y"), "\xfe\x03", "\xfb\x01\x01", "\xf9\x05"+key))
	records, err := readAll(NewReader(bytes.NewReader(one)))
	require.NoError(t, err)
	require.Equal(t, 3, records[0].Key.DB)
	require.EqualValues(t, 1, records[0].Key.Deadline)
}

func TestDamage(t *testing.T) {
	whole := file("\xfe\x00", "\x00"+text("key")+text("value"))
	for i := range whole {
		_, err := readAll(NewReader(bytes.NewReader(whole[:i])))
		require.ErrorIs(t, err, io.ErrUnexpectedEOF, "cut off after %d bytes", i)
		damaged := bytes.Clone(whole)
		damaged[i] ^= 0x10
		_, err = readAll(NewReader(bytes.NewReader(damaged)))
		require.Error(t, err, "byte %d is damaged", i)
	}
	_, err := readAll(NewReader(strings.NewReader("VALKEY080\xff" + strings.Repeat("\x00", 8))))
	require.NoError(t, err)
}

func TestSumTakesAway(t *testing.T) {
	var a, b Sum
	one, two := digest([]byte("1")), digest([]byte("2"))
	a.Add(one)
	b.Add(two)
	b.Add(one)
	b.Add(one)
	require.NotEqual(t, a, b)
	b.Remove(one)
	b.Remove(two)
	require.Equal(t, a, b)
}

// FuzzReader: no bytes may make it panic, ask for all memory or never end.
func FuzzReader(f *testing.F) {
	for encoding := range byte(26) {
		f.Add(string([]byte{encoding}) + text("k") + "\x01\x02" + text("0123456789\xff"))
	}
	f.Add("\xf5" + text("#!lua name=x\n"))
	f.Add("\x00" + text("k") + "\xc3\x05\x14\x00a\xe0\x0a\x00")
	f.Fuzz(func(t *testing.T, records string) {
		r := NewReader(bytes.NewReader(file(records)))
		r.Payloads, r.Copy = true, io.Discard
		_, _ = readAll(r)
	})
}
