import { beforeAll, describe, expect, it } from "vitest";
import { CHECKS } from "../../agent/core/checks/register.ts";
import { queries } from "../monitoring/documents.ts";
import { groupedBy, selectors, series } from "../monitoring/promql.ts";
import { promtoolFindings } from "../telemetry/promtool.ts";
import { sharedStage } from "./stage/shared-stage.ts";

/** Put there by whoever reads /metrics. */
const OF_PROMETHEUS = ["instance", "job"];
/** Told, and neither shown nor alerted on, each with the reason. */
const UNUSED: Readonly<Record<string, string>> = {
  builder_agent_applied_revision: "a number to compare with the control plane's own, machine by machine",
  builder_agent_control_plane_unknown_fields_total:
    "a newer control plane is no trouble; looked up when it is in doubt",
  builder_agent_gateway_sessions_copied_total:
    "a property of the Node that the package brings; its cost shows as processor time",
  builder_agent_gateway_link_faults_total: "a defect of ours between two processes; looked up with its log line",
  builder_agent_spans_last_accepted_timestamp_seconds:
    "only where spans are sent; the check traces says it, and has the alert of all warnings",
};

const stage = sharedStage();

describe("a real machine's /metrics", () => {
  let exposition: string;
  let told: ReturnType<typeof series>;
  beforeAll(async () => {
    exposition = (await stage().health("/metrics")).body;
    told = series(exposition);
  });

  it("has every metric, label and value that alerts and the dashboard ask for", () => {
    const missing = queries().flatMap(({ where, expr, named }) => {
      const asked = selectors(expr).filter(({ metric }) => metric !== "up");
      const known = new Set(asked.flatMap(({ metric }) => (told.get(metric) ?? []).flatMap((one) => [...one.keys()])));
      const words = [...named, ...groupedBy(expr)].filter(
        (label) => !known.has(label) && !OF_PROMETHEUS.includes(label),
      );
      return [
        ...words.map((label) => `${where}: none of its metrics has the label ${label}`),
        ...asked.flatMap(({ metric, labels }) => {
          const all = told.get(metric);
          if (all === undefined) return [`${where}: there is no ${metric}`];
          return [...labels].flatMap(([label, values]) => {
            if (OF_PROMETHEUS.includes(label)) return [];
            const has = new Set(all.map((one) => one.get(label)));
            return values
              .filter((value) => !has.has(value))
              .map((value) => `${where}: no ${metric}{${label}="${value}"}`);
          });
        }),
      ];
    });
    expect(missing).toEqual([]);
  });

  it("has nothing of ours that is neither shown, alerted on, nor left out for a reason", () => {
    const families = [...exposition.matchAll(/^# TYPE (builder_agent_\w+) /gm)].map(([, name = ""]) => name);
    const used = new Set(
      queries().flatMap(({ expr }) => selectors(expr).map(({ metric }) => metric.replace(/_(bucket|sum|count)$/, ""))),
    );
    expect(families.length).toBeGreaterThan(40);
    expect(families.filter((name) => !used.has(name) && UNUSED[name] === undefined)).toEqual([]);
    expect(Object.keys(UNUSED).filter((name) => used.has(name) || !families.includes(name))).toEqual([]);
  });

  it("is as Prometheus wants it", () => {
    expect(promtoolFindings(exposition)).toBe("");
  });

  it("has one series a check, and none that tells of a build or a customer", () => {
    for (const metric of ["builder_agent_check_ok", "builder_agent_check_blocking", "builder_agent_check_explained"])
      expect(told.get(metric)?.map((labels) => Object.fromEntries(labels))).toEqual(
        CHECKS.map(({ name }) => ({ check: name })),
      );
    const labels = new Set([...told.values()].flatMap((all) => all.flatMap((one) => [...one.keys()])));
    expect([...labels].filter((label) => /build|session|org|project/.test(label))).toEqual([]);
  });

  it("tells of a machine that is ready: heard just now, its start by chapter, its door open", () => {
    expect(exposition).toContain("\nbuilder_agent_ready 1\n");
    expect(exposition).toContain(`\nbuilder_agent_machine_info{machine_id="${stage().machine.id}"} 1\n`);
    expect(exposition).toContain("\nbuilder_agent_admission_open 1\n");
    expect(exposition).toContain('\nbuilder_agent_restarts_total{process="control"} 0\n');
    expect(exposition).toMatch(/\nbuilder_agent_boot_chapter_seconds\{chapter="ready"\} [\d.]+\n/);
    const heard = Number(/last_contact_timestamp_seconds ([\d.e+]+)\n/.exec(exposition)?.[1]);
    expect(Math.abs(Date.now() / 1_000 - heard)).toBeLessThan(120);
    const offset = Number(/\nbuilder_agent_clock_offset_seconds (\S+)\n/.exec(exposition)?.[1]);
    expect(Math.abs(offset)).toBeLessThan(60);
  });
});
