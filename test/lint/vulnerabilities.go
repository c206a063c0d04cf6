package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/vuln/scan"
)

// checkVulnerabilities prints the known vulnerabilities that the programs' code calls, by govulncheck, and tells
// whether there are any. Their database is on the Internet, or where GOVULNDB says (file:///...). If it can't be
// had, a line says so, and nothing fails.
func checkVulnerabilities() (bad bool, err error) {
	database := os.Getenv("GOVULNDB")
	if database == "" {
		database = "https://vuln.go.dev"
	}
	if why := reach(database); why != nil {
		fmt.Printf("left out: known vulnerabilities were not looked up: %v (GOVULNDB names another database)\n", why)
		return false, nil
	}
	cmd := scan.Command(context.Background(), "-db", database, "./cmd/...")
	var said strings.Builder
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		return false, err
	}
	err = cmd.Wait()
	var found interface{ ExitCode() int } // 3: there are some
	if errors.As(err, &found) && found.ExitCode() == 3 {
		fmt.Print(said.String())
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("govulncheck: %w\n%s", err, said.String())
	}
	return false, nil
}

// reach says why the database can't be had. govulncheck would read all packages first.
func reach(database string) error {
	const first = "index/db.json"
	if dir, ok := strings.CutPrefix(database, "file://"); ok {
		_, err := os.Stat(filepath.Join(dir, first))
		return err
	}
	client := http.Client{Timeout: 10 * time.Second}
	answer, err := client.Head(strings.TrimSuffix(database, "/") + "/" + first)
	if err != nil {
		return err
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", database, answer.Status)
	}
	return nil
}
