package store

// OnStep has f told of each step of every commit.
func (s *Store) OnStep(f func(name string)) { s.step = f }
