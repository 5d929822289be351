package postgres

import "strings"

// login is a role to log in as. Its password never leaves this package.
type login struct {
	user     string
	password string
}

// logins returns the roles that a container's environment names, most
// powerful first. readFile reads a file in the container.
func logins(env []string, readFile func(path string) ([]byte, error)) []login {
	vars := make(map[string]string, len(env))
	for _, e := range env {
		name, value, _ := strings.Cut(e, "=")
		vars[name] = value
	}
	var found []login
	for _, names := range credentialNames {
		user, password := vars[names.user], secret(vars, names.password, readFile)
		if user == "" {
			user = names.fallback
		}
		if user != "" && password != "" {
			found = append(found, login{user, password})
		}
	}
	// A server that trusts, or asks for no more than the account: any of these.
	for _, user := range []string{vars["POSTGRES_USER"], vars["PGUSER"], "postgres"} {
		if user != "" {
			found = append(found, login{user: user})
		}
	}
	return found
}

// credentialNames are the variables that images in wide use read.
var credentialNames = []struct{ user, password, fallback string }{
	{"POSTGRES_USER", "POSTGRES_PASSWORD", "postgres"},
	{"", "POSTGRESQL_POSTGRES_PASSWORD", "postgres"},
	{"POSTGRESQL_USERNAME", "POSTGRESQL_PASSWORD", "postgres"},
	{"PGUSER", "PGPASSWORD", "postgres"},
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
