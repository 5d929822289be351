package store

import (
	"fmt"
	"slices"

	"dogear/snapshot"
	"dogear/store/catalog"
)

// checkOrder compares the lists of snapshots by workspace, and of workspaces,
// with the list of all snapshots.
func (c *check) checkOrder() error {
	order, workspaces, err := c.store.wantedOrder()
	if err != nil {
		return err
	}
	listed, err := c.store.catalog.Order()
	if err != nil {
		return err
	}
	for _, key := range listed {
		if !order[key] {
			c.problem(catalogFile, fmt.Errorf("%q is not a snapshot of that workspace: %w", key, ErrDamaged))
		}
		delete(order, key)
	}
	for key := range order {
		c.problem(catalogFile, fmt.Errorf("%q is not listed under its workspace: %w", key, ErrDamaged))
	}
	return c.checkWorkspaces(workspaces)
}

// wantedOrder returns the keys of the lists by workspace as the snapshots have
// it, and which roots each workspace has: one, but that is not for us to say.
func (s *Store) wantedOrder() (order map[string]bool, roots map[string][]string, err error) {
	all, err := s.catalog.All(catalog.Snapshots)
	order, roots = make(map[string]bool), make(map[string][]string)
	for _, e := range all {
		snap, err := decode[snapshot.Snapshot](e.Record, typeSnapshot)
		if err != nil {
			continue // reported with the record
		}
		w := snap.Workspace
		order[w.ID+"\x00"+e.Key] = true
		roots[w.ID] = append(roots[w.ID], w.Root)
	}
	return order, roots, err
}

func (c *check) checkWorkspaces(roots map[string][]string) error {
	workspaces, err := c.store.catalog.Workspaces()
	if err != nil {
		return err
	}
	for _, w := range workspaces {
		if !slices.Contains(roots[w.ID], w.Root) {
			c.problem(catalogFile, fmt.Errorf("workspace %q at %q is not of any snapshot: %w", w.ID, w.Root, ErrDamaged))
		}
		delete(roots, w.ID)
	}
	for id := range roots {
		c.problem(catalogFile, fmt.Errorf("workspace %q is not listed: %w", id, ErrDamaged))
	}
	return nil
}
