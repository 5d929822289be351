package docker

import "time"

// HealthCheck is a program that tells by its exit code whether a container does
// its work.
type HealthCheck struct {
	Argv    []string
	Timeout time.Duration
}

// checkTimeout is what a health check has that sets none.
const checkTimeout = 30 * time.Second

// HealthCheck returns the health check of a container; nil if it has none.
func (c *Container) HealthCheck() *HealthCheck {
	var set struct {
		Test    []string
		Timeout time.Duration
	}
	c.Config.Decode("Healthcheck", &set)
	if len(set.Test) < 2 {
		return nil // none, or the word for none
	}
	check := &HealthCheck{Argv: set.Test[1:], Timeout: set.Timeout}
	if check.Timeout <= 0 {
		check.Timeout = checkTimeout
	}
	switch set.Test[0] {
	case "CMD":
		return check
	case "CMD-SHELL":
		var shell []string
		c.Config.Decode("Shell", &shell)
		if len(shell) == 0 {
			shell = []string{"/bin/sh", "-c"}
		}
		check.Argv = append(shell, check.Argv...)
		return check
	}
	return nil
}
