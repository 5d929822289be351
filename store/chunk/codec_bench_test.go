package chunk

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"math/rand/v2"
	"testing"
)

// BenchmarkCompress compresses one full frame of text, of noise, and of what
// is compressed already.
func BenchmarkCompress(b *testing.B) {
	var text []byte
	for i := 0; len(text) < 8*frameTarget; i++ {
		text = fmt.Appendf(text, "INSERT INTO orders VALUES (%d, 'customer %d', %d.99);\n", i, rand.IntN(5000), rand.IntN(200))
	}
	noise := make([]byte, frameTarget)
	_, _ = rand.NewChaCha8([32]byte{}).Read(noise)
	var zipped bytes.Buffer
	w := gzip.NewWriter(&zipped)
	_, _ = w.Write(text)
	_ = w.Close()
	for name, plain := range map[string][]byte{"text": text[:frameTarget], "noise": noise, "gzip": zipped.Bytes()[:frameTarget]} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(plain)))
			c := &compressor{}
			stored := 0
			for b.Loop() {
				out, _, _ := c.compress(plain)
				stored = len(out)
			}
			b.ReportMetric(float64(stored)/float64(len(plain)), "ratio")
		})
	}
}
