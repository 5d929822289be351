package main

import (
	"github.com/spf13/cobra"

	"dogear/agent/api"
)

// captureFlags are those of save and pause.
type captureFlags struct {
	note   string
	ticket string
	name   string
}

func (f *captureFlags) bind(cmd *cobra.Command) {
	cmd.Flags().StringVarP(&f.note, "message", "m", "", "a note")
	cmd.Flags().StringVar(&f.ticket, "for", "", "the ticket that this is for")
	cmd.Flags().StringVar(&f.name, "name", "", "a name for the snapshot")
	cmd.Flags().String("dumps", "auto", "dump databases: auto, always or never")
}

func (f *captureFlags) request(s *session) api.CaptureRequest {
	return api.CaptureRequest{Workspace: s.workspace, Note: f.note, Ticket: f.ticket, Name: f.name}
}
