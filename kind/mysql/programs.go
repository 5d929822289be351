package mysql

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// creationOrder is the order in which things that run are created: each may
// need those before it.
var creationOrder = []string{"package", "package body", "function", "procedure", "trigger", "view", "event"}

// drop removes something that runs. There are statements for packages only in
// the mode in which they were created.
func (r *restoration) drop(ctx context.Context, p program) error {
	err := r.insist(ctx, func() error {
		return r.exec(ctx, waitForLocks(lockTime), "USE "+name(r.database), "SET SESSION sql_mode = '"+p.Mode+"'",
			"DROP "+strings.ToUpper(p.Type)+" IF EXISTS "+name(p.Name))
	})
	if err = errors.Join(err, r.reset(ctx)); err != nil {
		return fmt.Errorf("drop %s %s: %w", p.Type, p.Name, err)
	}
	return nil
}

// reset gives the session its settings again.
func (r *restoration) reset(ctx context.Context) error {
	return r.exec(ctx, "SET NAMES utf8mb4", "SET "+strings.Join(r.link.pins, ", "), "SET SESSION foreign_key_checks = 0, unique_checks = 0")
}

// putPrograms makes everything that runs what it was in another state. What
// is the same is left alone, but for triggers of tables that were exchanged,
// which have them already.
func (r *restoration) putPrograms(ctx context.Context, have, want []program) error {
	for _, p := range have {
		if slices.Contains(want, p) || r.moved && r.concernsTrigger(p) {
			continue
		}
		if err := r.drop(ctx, p); err != nil {
			return err
		}
	}
	var missing []program
	for _, kind := range creationOrder {
		for _, p := range want {
			if p.Type == kind && !(slices.Contains(have, p) && !p.wentWithPackage(have, want)) && !(r.moved && r.concernsTrigger(p)) {
				missing = append(missing, p)
			}
		}
	}
	return r.createAll(ctx, missing)
}

// wentWithPackage reports whether a package body was dropped with its package.
func (p program) wentWithPackage(have, want []program) bool {
	return p.Type == "package body" && slices.ContainsFunc(have, func(h program) bool {
		return h.Type == "package" && h.Name == p.Name && !slices.Contains(want, h)
	})
}

// createAll creates what it can, again and again, until nothing more can be
// created: views may be built on each other.
func (r *restoration) createAll(ctx context.Context, missing []program) error {
	for len(missing) > 0 {
		var rest []program
		var failed error
		for _, p := range missing {
			if err := r.create(ctx, p, p.On); err != nil {
				failed = errors.Join(failed, fmt.Errorf("create %s %s: %w", p.Type, p.Name, err))
				rest = append(rest, p)
			}
		}
		if len(rest) == len(missing) || ctx.Err() != nil {
			return failed
		}
		missing = rest
	}
	return nil
}

// create creates something under the settings under which it was created. A
// trigger is created for the table of a given name.
func (r *restoration) create(ctx context.Context, p program, on string) (err error) {
	set := []string{"SESSION sql_mode = '" + p.Mode + "'"}
	if strings.HasPrefix(p.Client, "utf8") || isASCII(p.Create) {
		set = append(set, "character_set_client = "+p.Client)
	}
	set = append(set, "collation_connection = "+p.Collation)
	if p.Zone != "" {
		set = append(set, "time_zone = '"+p.Zone+"'")
	}
	defer func() { err = errors.Join(err, r.reset(ctx)) }()
	return r.exec(ctx, "USE "+name(r.database), "SET "+strings.Join(set, ", "), strings.ReplaceAll(p.Create, triggerTable, name(on)))
}

func isASCII(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r > 127 })
}
