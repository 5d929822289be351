package store

// OnStep has f told of each step.
func (s *Store) OnStep(f func(name string)) { s.step = f }

// Reaching reports whether somebody is between finding chunks and noting that
// they are needed.
func (s *Store) Reaching() bool {
	alone := s.reaching.TryLock()
	if alone {
		s.reaching.Unlock()
	}
	return !alone
}
