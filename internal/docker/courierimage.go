package docker

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"debug/elf"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/image"

	"dogear/kind"
)

// courierProgram is where the program is in the courier's image.
const courierProgram = "/dogear"

// courierImage returns the reference of an image that holds this program and
// nothing else, and imports it if the engine does not have it. No registry
// takes part. It is named after its content.
func (e *Engine) courierImage(ctx context.Context) (_ string, err error) {
	program, err := e.courierBinary()
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, program.Close()) }()
	sum := sha256.New()
	size, err := io.Copy(sum, program)
	if err != nil {
		return "", fmt.Errorf("read the program: %w", err)
	}
	reference := "dogear-courier:" + hex.EncodeToString(sum.Sum(nil))[:16]
	if _, err := e.Image(ctx, reference); !errors.Is(err, kind.ErrGone) {
		return reference, err
	}
	if _, err := program.Seek(0, io.SeekStart); err != nil {
		return "", err
	}
	return reference, e.importCourier(ctx, reference, program, size)
}

// courierBinary opens the program that is to run in the courier.
func (e *Engine) courierBinary() (*os.File, error) {
	path := e.options.CourierBinary
	if path == "" {
		var err error
		if path, err = os.Executable(); err != nil {
			return nil, fmt.Errorf("find this program: %w", err)
		}
	}
	if err := requireStatic(path); err != nil {
		return nil, err
	}
	return os.Open(path)
}

// requireStatic makes sure that a program runs where there is nothing else.
func requireStatic(path string) (err error) {
	program, err := elf.Open(path)
	if err != nil {
		return fmt.Errorf("read the program: %w", err)
	}
	defer func() { err = errors.Join(err, program.Close()) }()
	for _, p := range program.Progs {
		if p.Type == elf.PT_INTERP {
			return fmt.Errorf("%s is linked dynamically and cannot run in a container of its own: build it with CGO_ENABLED=0", path)
		}
	}
	return nil
}

func (e *Engine) importCourier(ctx context.Context, reference string, program io.Reader, size int64) error {
	in, out := io.Pipe()
	go func() { _ = out.CloseWithError(writeRootFS(out, program, size)) }() // never fails
	progress, err := e.api.ImageImport(ctx, image.ImportSource{Source: in, SourceName: "-"}, reference,
		image.ImportOptions{Changes: []string{"LABEL " + LabelCourier + "=1"}})
	if err == nil {
		err = errors.Join(drain(progress), progress.Close())
	}
	if err := errors.Join(err, in.Close()); err != nil {
		return fmt.Errorf("import its image: %w", err)
	}
	return nil
}

// writeRootFS writes a root directory with the program and a place for
// temporary files.
func writeRootFS(w io.Writer, program io.Reader, size int64) error {
	archive := tar.NewWriter(w)
	if err := archive.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: "tmp/", Mode: 0o1777}); err != nil {
		return err
	}
	if err := archive.WriteHeader(&tar.Header{Name: courierProgram[1:], Mode: 0o755, Size: size}); err != nil {
		return err
	}
	if _, err := io.Copy(archive, program); err != nil {
		return err
	}
	return archive.Close()
}

// dropCourierImage removes the image unless another courier runs from it.
func (e *Engine) dropCourierImage(ctx context.Context, reference string) error {
	err := e.removeImage(ctx, reference)
	if err == nil || errors.Is(err, kind.ErrGone) || errdefs.IsConflict(err) {
		return nil
	}
	return fmt.Errorf("remove the courier's image: %w", err)
}
