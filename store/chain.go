package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"dogear/snapshot"
	"dogear/store/catalog"
)

// chain has an event name the digests of its receipt and of the event before
// it. Who changes a receipt would have to change every event since.
func (s *Store) chain(e *snapshot.Event, previous []byte) error {
	e.Previous, e.Proof = "", ""
	if previous != nil {
		e.Previous = digestOf(previous)
	}
	if e.Receipt == "" {
		return nil
	}
	record, err := s.catalog.Record(catalog.Receipts, e.Receipt)
	if err != nil {
		return err
	}
	if record != nil { // else it was lost; that is no reason to lose the event
		e.Proof = digestOf(record)
	}
	return nil
}

func digestOf(record []byte) snapshot.Digest {
	sum := sha256.Sum256(record)
	return snapshot.Digest(hex.EncodeToString(sum[:]))
}

// provesReceipt compares a receipt with what an event says about it.
func provesReceipt(event catalog.Entry, id string, record []byte) error {
	e, err := decode[snapshot.Event](event.Record, typeEvent)
	if err != nil {
		return err
	}
	if e.Receipt == id && e.Proof != "" && e.Proof != digestOf(record) {
		return fmt.Errorf("it is not the one of event %d: it was changed: %w", e.Seq, ErrDamaged)
	}
	return nil
}

// Chain looks for events and receipts that were changed, or removed, since they
// were written. It returns what it found, sorted.
func (s *Store) Chain(ctx context.Context) ([]Problem, error) {
	c := &check{store: s, report: Report{Problems: []Problem{}}}
	for _, kind := range []recordKind{eventRecords(), receiptRecords()} {
		r, err := s.newRecordCheck(kind)
		if err != nil {
			return nil, err
		}
		if err := c.checkRecords(ctx, r); err != nil {
			return nil, err
		}
	}
	if err := c.checkChain(); err != nil {
		return nil, err
	}
	sortProblems(c.report.Problems)
	return c.report.Problems, nil
}

// checkChain follows the digests from event to event, and from events to
// receipts.
func (c *check) checkChain() error {
	events, err := c.store.catalog.All(catalog.Events)
	if err != nil {
		return err
	}
	var previous snapshot.Digest
	chained := false
	for _, listed := range events {
		e, err := decode[snapshot.Event](listed.Record, typeEvent)
		if err != nil {
			continue // reported with the record
		}
		where := c.store.title(c.store.recordPath(eventRecords(), eventName(e.Seq)))
		if e.Previous != previous && (chained || e.Previous != "") {
			c.problem(where, fmt.Errorf("it does not follow the event before it: that one, or this one, was changed or removed: %w", ErrDamaged))
		}
		chained = chained || e.Previous != ""
		previous = digestOf(listed.Record)
		if err := c.checkProof(e); err != nil {
			return err
		}
	}
	return nil
}

func (c *check) checkProof(e snapshot.Event) error {
	if e.Proof == "" {
		return nil
	}
	record, err := c.store.catalog.Record(catalog.Receipts, e.Receipt)
	if err != nil {
		return err
	}
	where := c.store.title(c.store.recordPath(receiptRecords(), e.Receipt))
	switch {
	case record == nil:
		c.problem(where, fmt.Errorf("event %d names it, and it is gone: %w", e.Seq, ErrDamaged))
	case digestOf(record) != e.Proof:
		c.problem(where, fmt.Errorf("it is not the one of event %d: it was changed: %w", e.Seq, ErrDamaged))
	}
	return nil
}
