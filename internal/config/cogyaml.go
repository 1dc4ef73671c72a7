package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// cogYAML is what is read of cog.yaml; the rest of that file is for building images.
type cogYAML struct {
	predict, train ref
	concurrency    int
	environment    []string
	worker         []string
	build          build
}

// ref is a predictor reference and where it stands, for errors.
type ref struct{ text, at string }

const cogYAMLName = "cog.yaml"

// readCogYAML reads the file in dir; a folder without one has the zero value.
func readCogYAML(dir string) (y cogYAML, err error) {
	path := filepath.Join(dir, cogYAMLName)
	text, err := os.ReadFile(path)
	if os.IsNotExist(err) {
		return y, nil
	}
	if err != nil {
		return y, wrong("%s: %v", path, err)
	}
	file, err := parser.ParseBytes(text, 0)
	if err != nil {
		return y, syntaxError(path, err)
	}
	if len(file.Docs) == 0 || file.Docs[0].Body == nil {
		return y, nil
	}
	return y, y.read(path, file.Docs[0].Body)
}

// syntaxError makes one line of the parser's error.
func syntaxError(path string, err error) error {
	var at yaml.Error
	if !errors.As(err, &at) {
		return wrong("%s: %v", path, err)
	}
	token := at.GetToken()
	return wrong("%s:%d:%d: %s", path, token.Position.Line, token.Position.Column, at.GetMessage())
}

func (y *cogYAML) read(path string, body ast.Node) error {
	fields, err := mapping(path, body, "a mapping")
	if err != nil {
		return err
	}
	var run, predict ref
	for _, f := range fields {
		value := f.Value
		switch key := f.Key.String(); key {
		case "run":
			run, err = readRef(path, key, value)
		case "predict":
			predict, err = readRef(path, key, value)
		case "train":
			y.train, err = readRef(path, key, value)
		case "concurrency":
			err = y.readConcurrency(path, value)
		case "environment":
			y.environment, err = stringList(path, key, value)
		case "build":
			y.build, err = readBuild(path, value)
		case "x-coglet":
			err = y.readOwn(path, value)
		}
		if err != nil {
			return err
		}
	}
	if run.text != "" && predict.text != "" {
		return wrong("%s: only one of run or predict can be set", predict.at)
	}
	y.predict = predict
	if run.text != "" {
		y.predict = run
	}
	return nil
}

// mapping returns the fields of a node that must be a mapping; an empty one has none.
func mapping(path string, node ast.Node, want string) ([]*ast.MappingValueNode, error) {
	switch n := node.(type) {
	case *ast.MappingNode:
		return n.Values, nil
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{n}, nil
	case *ast.NullNode:
		return nil, nil
	}
	return nil, wrong("%s: want %s, got %s", place(path, node), want, node.Type())
}

func place(path string, node ast.Node) string {
	p := node.GetToken().Position
	return fmt.Sprintf("%s:%d:%d", path, p.Line, p.Column)
}

func readRef(path, key string, node ast.Node) (ref, error) {
	text, err := readString(path, key, node)
	return ref{text, place(path, node)}, err
}

func readString(path, key string, node ast.Node) (string, error) {
	switch n := node.(type) {
	case *ast.StringNode:
		return n.Value, nil
	case *ast.NullNode:
		return "", nil
	}
	return "", wrong("%s: %s: want a string, got %s", place(path, node), key, node.Type())
}

func stringList(path, key string, node ast.Node) (list []string, err error) {
	sequence, ok := node.(*ast.SequenceNode)
	if !ok {
		if _, null := node.(*ast.NullNode); null {
			return nil, nil
		}
		return nil, wrong("%s: %s: want a list of strings, got %s", place(path, node), key, node.Type())
	}
	for _, item := range sequence.Values {
		text, err := readString(path, key, item)
		if err != nil {
			return nil, err
		}
		list = append(list, text)
	}
	return list, nil
}

func (y *cogYAML) readConcurrency(path string, node ast.Node) error {
	fields, err := mapping(path, node, "concurrency: {max: N}")
	if err != nil {
		return err
	}
	for _, f := range fields {
		if f.Key.String() != "max" {
			continue
		}
		n, ok := f.Value.(*ast.IntegerNode)
		if ok {
			var max uint64
			if max, ok = n.Value.(uint64); ok && max >= 1 && max <= 1<<15 {
				y.concurrency = int(max)
				continue
			}
		}
		return wrong("%s: concurrency.max: want a whole number from 1, got %s", place(path, f.Value), f.Value)
	}
	return nil
}

// readOwn reads what only this server knows.
func (y *cogYAML) readOwn(path string, node ast.Node) error {
	fields, err := mapping(path, node, "a mapping")
	if err != nil {
		return err
	}
	for _, f := range fields {
		if f.Key.String() != "worker" {
			return wrong("%s: x-coglet has no field %q; it has worker", place(path, f.Key), f.Key)
		}
		if y.worker, err = stringList(path, "x-coglet.worker", f.Value); err != nil {
			return err
		}
		if len(y.worker) == 0 || strings.TrimSpace(y.worker[0]) == "" {
			return wrong("%s: x-coglet.worker: want a command", place(path, f.Value))
		}
	}
	return nil
}
