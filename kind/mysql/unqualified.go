package mysql

import "strings"

// unqualified leaves the database's own name out of the definition of a view.
// The server writes it where the account that the view runs as may not read
// every column, so that the same view has one text or the other.
func unqualified(definition, database string) string {
	own := name(database) + "."
	if !strings.Contains(definition, own) {
		return definition
	}
	var out strings.Builder
	for i := 0; i < len(definition); {
		if strings.HasPrefix(definition[i:], own) {
			i += len(own)
			continue
		}
		n := quotedLength(definition[i:])
		out.WriteString(definition[i : i+n])
		i += n
	}
	return out.String()
}

// quotedLength is the length of the text or the name that begins here; 1 if
// none does.
func quotedLength(rest string) int {
	quote := rest[0]
	if quote != '\'' && quote != '`' && quote != '"' {
		return 1
	}
	for i := 1; i < len(rest); i++ {
		switch {
		case rest[i] == '\\' && quote != '`':
			i++
		case rest[i] != quote:
		case i+1 < len(rest) && rest[i+1] == quote:
			i++
		default:
			return i + 1
		}
	}
	return len(rest)
}
