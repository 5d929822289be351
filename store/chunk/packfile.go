package chunk

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"dogear/kind"
)

// Extension ends the name of a pack's file.
const Extension = ".pack"

// Pack is a finished pack: durable, but for its name, and read back.
type Pack struct {
	Name  string // without directory and extension
	Size  int64
	Index Index
}

// Path returns where a pack of the given name is in a directory.
func Path(dir, name string) string { return filepath.Join(dir, name+Extension) }

// packFile is a pack that is being written.
type packFile struct {
	name  string
	file  *os.File
	size  int64
	index Index
}

func createPack(dir, name string) (*packFile, error) {
	f, err := os.OpenFile(Path(dir, name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, fmt.Errorf("create pack: %w", err)
	}
	p := &packFile{name: name, file: f}
	if err := p.write(encodeHeader()); err != nil {
		return nil, errors.Join(err, p.remove())
	}
	return p, nil
}

func (p *packFile) write(b []byte) error {
	if _, err := p.file.Write(b); err != nil {
		return fmt.Errorf("write pack: %w", err)
	}
	p.size += int64(len(b))
	return nil
}

// append writes a frame and returns it with its place.
func (p *packFile) append(stored []byte, codec Codec, chunks []frameChunk) (Frame, error) {
	f := Frame{Offset: p.size, Stored: uint32(len(stored)), Checksum: checksum(stored), Codec: codec, Chunks: uint32(len(chunks))}
	for _, c := range chunks {
		f.Plain += c.length
	}
	if err := p.write(stored); err != nil {
		return Frame{}, err
	}
	at := uint32(0)
	for _, c := range chunks {
		p.index.Chunks = append(p.index.Chunks, Entry{ID: c.id, Location: f.locate(at, c.length)})
		at += c.length
	}
	p.index.Frames = append(p.index.Frames, f)
	return f, nil
}

// finalSize is the size of the pack if it were sealed now.
func (p *packFile) finalSize() int64 { return p.size + footerSize(p.index) }

// seal ends the pack, makes its content durable and reads it back.
func (p *packFile) seal() (Pack, error) {
	err := p.write(encodeFooter(p.index))
	if err == nil {
		err = p.file.Sync()
	}
	if err := errors.Join(err, p.file.Close()); err != nil {
		return Pack{}, fmt.Errorf("finish pack: %w", err)
	}
	if err := p.readBack(); err != nil {
		return Pack{}, fmt.Errorf("read back pack: %w", err)
	}
	return Pack{Name: p.name, Size: p.size, Index: p.index}, nil
}

// readBack compares the file with what should be in it: every frame by its
// checksum (that it decompresses to its chunks was seen when it was made), and
// what the pack says about itself.
func (p *packFile) readBack() error {
	return openPack(p.file.Name(), func(pack io.ReaderAt, index Index, _ int64) error {
		if !slices.Equal(index.Chunks, p.index.Chunks) || !slices.Equal(index.Frames, p.index.Frames) {
			return fmt.Errorf("it lists other chunks: %w", ErrDamaged)
		}
		var stored []byte
		for _, f := range index.Frames {
			var err error
			if stored, err = readFrame(pack, f, stored); err != nil {
				return err
			}
		}
		return nil
	})
}

func (p *packFile) remove() error {
	err := p.file.Close()
	if errors.Is(err, os.ErrClosed) {
		err = nil
	}
	return errors.Join(err, os.Remove(p.file.Name()))
}

// frameChunk is a chunk in a frame that is being filled.
type frameChunk struct {
	id     kind.ChunkID
	length uint32
}
