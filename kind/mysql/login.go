package mysql

import (
	"strings"
)

// login is an account to log in as. Its password never leaves this package.
type login struct {
	user     string
	password string
}

// optionFiles are where clients in a container find an account.
var optionFiles = []string{"/root/.my.cnf", "/etc/mysql/debian.cnf"}

// logins returns the accounts that a container's environment and its clients'
// option files name, most powerful first. read reads a file in the container.
func logins(vars map[string]string, read func(path string) ([]byte, error)) []login {
	var found []login
	add := func(user, password string) {
		if user != "" && password != "" {
			found = append(found, login{user, password})
		}
	}
	for _, flavour := range []string{"MARIADB", "MYSQL"} {
		add("root", secret(vars, flavour+"_ROOT_PASSWORD", read))
	}
	for _, file := range optionFiles {
		if text, err := read(file); err == nil { // most containers have none
			add(clientSection(string(text)))
		}
	}
	for _, flavour := range []string{"MARIADB", "MYSQL"} {
		add(vars[flavour+"_USER"], secret(vars, flavour+"_PASSWORD", read))
	}
	return append(found, login{user: "root"}) // by its account in the container, or an empty password
}

func secret(vars map[string]string, name string, read func(string) ([]byte, error)) string {
	if v := vars[name]; v != "" {
		return v
	}
	path := vars[name+"_FILE"]
	if path == "" {
		return ""
	}
	content, err := read(path)
	if err != nil {
		return "" // another way may do without it
	}
	return strings.TrimRight(string(content), "\r\n")
}

// clientSection returns the account of an option file's section [client].
func clientSection(text string) (user, password string) {
	inside := false
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "[") {
			inside = line == "[client]" || line == "[client-server]"
			continue
		}
		key, value, ok := strings.Cut(line, "=")
		if !inside || !ok {
			continue
		}
		switch value = strings.Trim(strings.TrimSpace(value), `"'`); strings.TrimSpace(key) {
		case "user":
			user = value
		case "password":
			password = value
		}
	}
	return user, password
}
