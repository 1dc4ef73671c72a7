package config

import (
	"regexp"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// build is cog.yaml's section of that name: what the model needs around it.
type build struct {
	pythonVersion, pythonAt string
	packages                []requirement // python_packages
	files                   []requirement // python_requirements
	system                  []string
	run                     []string
	gpu                     bool
}

// requirement is one line and where it stands, for errors.
type requirement struct{ text, at string }

func readBuild(path string, node ast.Node) (b build, err error) {
	fields, err := mapping(path, node, "build: a mapping")
	if err != nil {
		return b, err
	}
	for _, f := range fields {
		value := f.Value
		switch key := f.Key.String(); key {
		case "python_version":
			b.pythonVersion, err = readVersion(path, value)
			b.pythonAt = place(path, value)
		case "python_packages":
			b.packages, err = readRequirements(path, "build."+key, value)
		case "python_requirements":
			b.files, err = readRequirements(path, "build."+key, value)
		case "system_packages":
			b.system, err = stringList(path, "build."+key, value)
		case "run", "pre_install":
			var commands []string
			commands, err = readCommands(path, "build."+key, value)
			b.run = append(b.run, commands...)
		case "gpu":
			err = readBool(path, "build."+key, value, &b.gpu)
		}
		if err != nil {
			return b, err
		}
	}
	if len(b.packages) > 0 && len(b.files) > 0 {
		return b, wrong("%s: only one of build.python_packages and build.python_requirements can be set", b.files[0].at)
	}
	return b, nil
}

var versionText = regexp.MustCompile(`^\d+(\.\d+){0,2}$`)

// readVersion reads a version as it is written: 3.10 is no number here.
func readVersion(path string, node ast.Node) (string, error) {
	if _, null := node.(*ast.NullNode); null {
		return "", nil
	}
	if anchor, ok := node.(*ast.TagNode); ok {
		node = anchor.Value
	}
	text := node.GetToken().Value
	if s, ok := node.(*ast.StringNode); ok {
		text = s.Value
	}
	if !versionText.MatchString(text) || !strings.HasPrefix(text, "3") {
		return "", wrong("%s: build.python_version: want a version such as \"3.12\", got %s", place(path, node), node)
	}
	return text, nil
}

// readRequirements reads one string, which may have several lines, or a list of such.
func readRequirements(path, key string, node ast.Node) (list []requirement, err error) {
	var nodes []ast.Node
	switch n := node.(type) {
	case *ast.NullNode:
		return nil, nil
	case *ast.SequenceNode:
		nodes = n.Values
	default:
		nodes = []ast.Node{node}
	}
	for _, item := range nodes {
		if literal, ok := item.(*ast.LiteralNode); ok {
			item = literal.Value
		}
		text, err := readString(path, key, item)
		if err != nil {
			return nil, err
		}
		for line := range strings.SplitSeq(text, "\n") {
			if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
				list = append(list, requirement{line, place(path, item)})
			}
		}
	}
	return list, nil
}

// readCommands reads build.run: strings, or mappings with a command.
func readCommands(path, key string, node ast.Node) (list []string, err error) {
	sequence, ok := node.(*ast.SequenceNode)
	if !ok {
		return stringList(path, key, node)
	}
	for _, item := range sequence.Values {
		switch n := item.(type) {
		case *ast.MappingNode, *ast.MappingValueNode:
			fields, err := mapping(path, n, "a command")
			if err != nil {
				return nil, err
			}
			for _, f := range fields {
				if f.Key.String() == "command" {
					item = f.Value
				}
			}
		}
		if literal, ok := item.(*ast.LiteralNode); ok {
			item = literal.Value
		}
		text, err := readString(path, key, item)
		if err != nil {
			return nil, err
		}
		list = append(list, strings.TrimSpace(text))
	}
	return list, nil
}

func readBool(path, key string, node ast.Node, to *bool) error {
	switch n := node.(type) {
	case *ast.BoolNode:
		*to = n.Value
	case *ast.NullNode:
	default:
		return wrong("%s: %s: want true or false, got %s", place(path, node), key, node)
	}
	return nil
}
