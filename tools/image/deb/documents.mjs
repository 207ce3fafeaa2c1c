/**
 * What the package brings for people and for their monitoring: file of the tree → place on a
 * machine. Alerts name the runbook's place.
 */
export const documents = {
  "docs/operations.md": "usr/share/doc/builder-agent/operations.md",
  "docs/debug-terminal.md": "usr/share/doc/builder-agent/debug-terminal.md",
  "docs/runbook.md": "usr/share/doc/builder-agent/runbook.md",
  "docs/events.md": "usr/share/doc/builder-agent/events.md",
  "docs/isolation.md": "usr/share/doc/builder-agent/isolation.md",
  "docs/identity.md": "usr/share/doc/builder-agent/identity.md",
  "docs/control-plane.md": "usr/share/doc/builder-agent/control-plane.md",
  "docs/alerts/builder-agent.rules.yml": "usr/share/builder-agent/monitoring/builder-agent.rules.yml",
  "docs/grafana/builder-agent.json": "usr/share/builder-agent/monitoring/builder-agent.dashboard.json",
};
