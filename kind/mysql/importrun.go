package mysql

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/go-sql-driver/mysql"

	"dogear/kind"
)

// runnable are the words with which statements of dumps begin.
var runnable = []string{
	"ALTER", "ANALYZE", "BEGIN", "CALL", "COMMIT", "CREATE", "DEALLOCATE", "DELETE", "DO", "DROP", "EXECUTE", "INSERT", "OPTIMIZE", "PREPARE",
	"RENAME", "REPLACE", "ROLLBACK", "SELECT", "SET", "START", "TRUNCATE", "UPDATE", "WITH",
}

// passedOver are those that are about the server that was dumped (where its
// replication stood), and locks: nobody else is there, and one of a table shuts
// out the sequence that is a default in it.
var passedOver = []string{"CHANGE", "FLUSH", "RESET", "STOP", "LOCK", "UNLOCK"}

// Errors of the server, by number.
const (
	errDatabaseDenied  = 1044
	errTableDenied     = 1142
	errUnknownVariable = 1193
	errReadOnlyValue   = 1238
	errPrivilege       = 1227
	errNoTrust         = 1419
)

// databaseWords finds what a dump says about its database itself: which one,
// and what with.
var databaseWords = regexp.MustCompile("(?is)^(CREATE|DROP|ALTER) (?:DATABASE|SCHEMA) (?:IF (?:NOT )?EXISTS )?(`(?:[^`]|``)+`|[^\\s;`]+)(.*)$")

// run runs a statement of the dump.
func (i *importing) run(ctx context.Context, statement string) error {
	begin := head(statement)
	word, rest, _ := strings.Cut(begin, " ")
	word = strings.ToUpper(strings.Trim(word, "("))
	switch {
	case word == "USE":
		return i.isOf(rest)
	case databaseWords.MatchString(begin):
		return i.runAboutDatabase(ctx, databaseWords.FindStringSubmatch(begin))
	case slices.Contains(passedOver, word):
		return nil
	case !slices.Contains(runnable, word):
		return fmt.Errorf("the dump has a statement %s, which is not run: it is none of mysqldump", kind.Printable(word))
	}
	if word == "CREATE" {
		var err error
		if statement, err = i.prepared(statement, begin); err != nil {
			return err
		}
	}
	_, err := i.loader.ExecContext(ctx, statement)
	if word == "SET" && (isError(err, errUnknownVariable) || isError(err, errPrivilege) || isError(err, errReadOnlyValue)) {
		return nil // of another server, or about all of it
	}
	if what := creates.FindStringSubmatch(begin); what != nil && strings.EqualFold(what[1], "VIEW") && isServerError(err) {
		return i.postpone(ctx, statement, err)
	}
	return explained(begin, err)
}

// postponed is the definition of a view that has to wait: dumps have them by name,
// and one may want another as it will be.
type postponed struct {
	settings  string // under which it stands in the dump
	statement string
	err       error
}

func (i *importing) postpone(ctx context.Context, statement string, cause error) error {
	var client, collation string
	err := i.loader.QueryRowContext(ctx, "SELECT @@character_set_client, @@collation_connection").Scan(&client, &collation)
	i.postponed = append(i.postponed, postponed{"SET character_set_client = " + client + ", collation_connection = " + collation, statement, cause})
	return err
}

// runPostponed creates views until those that are left cannot be.
func (i *importing) runPostponed(ctx context.Context) error {
	for len(i.postponed) > 0 {
		var left []postponed
		for _, p := range i.postponed {
			_, err := i.loader.ExecContext(ctx, p.settings)
			if err == nil {
				_, err = i.loader.ExecContext(ctx, p.statement)
			}
			if err != nil {
				p.err = err
				left = append(left, p)
			}
		}
		if len(left) == len(i.postponed) {
			return explained(head(left[0].statement), left[0].err)
		}
		i.postponed = left
	}
	return nil
}

// isOf notes which database the dump is of. It may be of one only.
func (i *importing) isOf(text string) error {
	database := unquoted(strings.TrimSpace(text))
	if i.source != "" && i.source != database {
		return errors.New("the dump holds several databases: make one of the one that is wanted (mysqldump DATABASE)")
	}
	i.source = database
	return nil
}

func (i *importing) runAboutDatabase(ctx context.Context, words []string) error {
	if err := i.isOf(words[2]); err != nil {
		return err
	}
	options := strings.TrimSpace(words[3])
	if strings.EqualFold(words[1], "DROP") || options == "" {
		return nil
	}
	_, err := i.loader.ExecContext(ctx, "ALTER DATABASE "+name(i.name)+" "+options)
	return explained(words[0], err)
}

// unquoted is the reverse of name.
func unquoted(text string) string {
	if len(text) > 1 && text[0] == '`' && text[len(text)-1] == '`' {
		return strings.ReplaceAll(text[1:len(text)-1], "``", "`")
	}
	return text
}

const (
	quotedName  = "`(?:[^`]|``)*`|'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|[A-Za-z0-9_$]+"
	programName = "(?:" + quotedName + ")"
)

var (
	// runsAs finds who a program runs as.
	runsAs = regexp.MustCompile(`(?is)\bDEFINER\s*=\s*(` + programName + `)(?:\s*@\s*(` + programName + `)|\s*\(\s*\))?`)
	// creates finds what is created.
	creates = regexp.MustCompile(`(?i)^CREATE (?:OR REPLACE )?(?:ALGORITHM ?= ?\w+ )?(?:DEFINER ?= ?\S+ )?(?:SQL SECURITY \w+ )?(?:AGGREGATE )?` +
		`(TRIGGER|PROCEDURE|FUNCTION|EVENT|VIEW|PACKAGE BODY|PACKAGE) (?:IF NOT EXISTS )?(?:` + programName + `\.)?(` + programName + `)`)
	// counts finds the sequence that is a default, with its database.
	counts = regexp.MustCompile("(?i)\\b(nextval|lastval|setval)\\(`(?:[^`]|``)+`\\.`")
)

// prepared has a program be one of the account that loads it, and notes who it
// is to run as.
func (i *importing) prepared(statement, begin string) (string, error) {
	if strings.HasPrefix(strings.ToUpper(begin), "CREATE TABLE") {
		return counts.ReplaceAllStringFunc(statement, func(call string) string {
			word, _, _ := strings.Cut(call, "(")
			return word + "(" + name(i.name) + ".`"
		}), nil
	}
	what := creates.FindStringSubmatch(begin)
	if what != nil && strings.EqualFold(what[1], "VIEW") {
		// The server itself writes the database's name into some.
		statement = strings.ReplaceAll(statement, name(cmp.Or(i.source, i.named, i.database))+".", name(i.name)+".")
	}
	at := runsAs.FindStringSubmatchIndex(statement)
	if what == nil || at == nil || !strings.Contains(strings.ToUpper(begin), "DEFINER") {
		return statement, nil
	}
	if before := head(statement[:at[0]]); !onlyBefore.MatchString(before) {
		return statement, nil // it is in the body
	}
	user, host := statement[at[2]:at[3]], ""
	if at[4] >= 0 {
		host = statement[at[4]:at[5]]
	}
	if !strings.EqualFold(user, "CURRENT_USER") && !strings.EqualFold(user, "CURRENT_ROLE") {
		i.definers[key(what[1], quotedText(what[2]))] = definer{quotedText(user), quotedText(host)}
	}
	return statement[:at[0]] + statement[at[1]:], nil
}

// onlyBefore matches what may stand before DEFINER.
var onlyBefore = regexp.MustCompile(`(?i)^CREATE(?: OR REPLACE)?(?: ALGORITHM ?= ?\w+)?$`)

func key(what, name string) string { return strings.ToLower(what) + " " + name }

// definer is who a program runs as: an account, or a role, which has no host.
type definer struct{ user, host string }

func (d definer) quoted(with string) string {
	quote := func(s string) string { return with + strings.ReplaceAll(s, with, with+with) + with }
	if d.host == "" {
		return quote(d.user)
	}
	return quote(d.user) + "@" + quote(d.host)
}

// quotedText returns a name without the quotes that it may have.
func quotedText(text string) string {
	if len(text) < 2 || !strings.ContainsRune("`'\"", rune(text[0])) {
		return text
	}
	q := text[:1]
	return strings.ReplaceAll(text[1:len(text)-1], q+q, q)
}

// rename has the definitions speak of the database that it is to be, and of
// those who its programs are to run as.
func (i *importing) rename(ctx context.Context, d *definitions) error {
	for _, t := range d.Tables {
		t.Create = strings.ReplaceAll(t.Create, name(i.name)+".", name(i.database)+".")
	}
	ours := regexp.MustCompile("DEFINER=([`\"])" + regexp.QuoteMeta(i.name) + "[`\"]@[`\"][^`\"]*[`\"]")
	self := ""
	if err := i.conn.QueryRowContext(ctx, "SELECT CURRENT_USER()").Scan(&self); err != nil {
		return wrap("ask for the account", err)
	}
	user, host, _ := strings.Cut(self, "@")
	unknown := make(map[string][]string)
	for n := range d.Programs {
		p := &d.Programs[n]
		as, ok := i.definers[key(p.Type, p.Name)]
		if !ok {
			as = definer{user, host}
		} else if !i.knows(ctx, as) {
			unknown[as.quoted("`")] = append(unknown[as.quoted("`")], p.Type+" "+p.Name)
		}
		if at := ours.FindStringSubmatchIndex(p.Create); at != nil {
			p.Create = p.Create[:at[0]] + "DEFINER=" + as.quoted(p.Create[at[2]:at[3]]) + p.Create[at[1]:]
		}
		p.Create = strings.ReplaceAll(p.Create, name(i.name)+".", name(i.database)+".")
	}
	for as, what := range unknown {
		slices.Sort(what)
		i.gaps = append(i.gaps, kind.Gap{What: "account " + as, Why: "the server has no such account, and what runs as it does not run: " + strings.Join(what, ", ")})
	}
	slices.SortFunc(i.gaps, func(a, b kind.Gap) int { return strings.Compare(a.What, b.What) })
	return nil
}

// knows reports whether the server has an account. One that may not be asked
// for is said to be there.
func (i *importing) knows(ctx context.Context, account definer) bool {
	n := 0
	err := i.conn.QueryRowContext(ctx, "SELECT COUNT(*) FROM mysql.user WHERE User = ? AND Host = ?", account.user, account.host).Scan(&n)
	return err != nil || n > 0
}

// explained says which statement of the dump failed.
func explained(begin string, err error) error {
	if err == nil {
		return nil
	}
	if len(begin) > 60 {
		begin = begin[:60] + "…"
	}
	switch {
	case isError(err, errDatabaseDenied), isError(err, errTableDenied), isError(err, errPrivilege):
		err = fmt.Errorf("%w (a dump is loaded by an account that may write to its own database only)", err)
	case errors.Is(err, mysql.ErrPktTooLarge):
		err = errors.New("it is longer than what the server takes at a time: set max_allowed_packet higher for the time of the import")
	case isError(err, errNoTrust):
		err = fmt.Errorf("%w: set log_bin_trust_function_creators for the time of the import", err)
	}
	return fmt.Errorf("run %s: %w", kind.Printable(begin), err)
}
