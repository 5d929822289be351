package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"go.yaml.in/yaml/v3"
)

// Error is a mistake in the configuration, and the way out.
type Error struct {
	Message string
	Hint    string
}

func (e *Error) Error() string { return e.Message }

// file is a configuration file, in the order in which it is written.
type file struct {
	path    string
	entries []entry
}

type entry struct {
	key   string
	line  int
	value any
}

// readFile reads the file's keys as they are written: viper's own reader
// folds their case, also of names that are not ours. A file that is not there
// is empty.
func readFile(path string) (file, error) {
	content, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return file{path: path}, nil
	}
	if err != nil {
		return file{}, fmt.Errorf("read configuration: %w", err)
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(content, &doc); err != nil {
		return file{}, &Error{Message: fmt.Sprintf("%s: %v", path, err), Hint: "it has to be YAML"}
	}
	f := file{path: path}
	if len(doc.Content) == 0 {
		return f, nil
	}
	top := doc.Content[0]
	if top.Kind != yaml.MappingNode {
		return file{}, &Error{Message: fmt.Sprintf("%s: line %d: keys are wanted here", path, top.Line), Hint: "see dogear init --help"}
	}
	for i := 0; i+1 < len(top.Content); i += 2 {
		e := entry{key: top.Content[i].Value, line: top.Content[i].Line}
		if err := top.Content[i+1].Decode(&e.value); err != nil {
			return file{}, &Error{Message: fmt.Sprintf("%s: line %d: %v", path, e.line, err)}
		}
		f.entries = append(f.entries, e)
	}
	return f, nil
}

// resolve takes a relative path as relative to the file that says it.
func (f file) resolve(value any) any {
	path, ok := value.(string)
	if !ok || path == "" || filepath.IsAbs(path) {
		return value
	}
	return filepath.Join(filepath.Dir(f.path), path)
}

func unknownKey(path string, e entry, known []string) error {
	hint := "known keys: " + list(known)
	if near := Nearest(e.key, known); near != "" {
		hint = fmt.Sprintf("did you mean %q?", near)
	}
	return &Error{Message: fmt.Sprintf("%s: line %d: unknown key %q", path, e.line, e.key), Hint: hint}
}
