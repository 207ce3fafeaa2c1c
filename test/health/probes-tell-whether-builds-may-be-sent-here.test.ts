import { describe, expect, it } from "vitest";
import { NOTHING_OBSERVED } from "../../agent/core/observed-state.ts";
import { asked, serving } from "./serving.ts";
import { DEGRADED, DRAINING, READY } from "./states.ts";

describe("/livez", () => {
  it.each([
    { name: "nothing was shown yet", state: undefined },
    { name: "everything fails", state: DEGRADED },
    { name: "the machine drains", state: DRAINING },
  ])("is ok though $name: it looks at nothing but the event loop", async ({ state }) => {
    await using health = await serving(state);
    expect(await asked(health, "/livez")).toEqual({ status: 200, body: "ok\n" });
    expect(await asked(health, "/livez?verbose")).toEqual({
      status: 200,
      body: "[+]event-loop ok\nlivez check passed\n",
    });
  });
});

describe("/readyz", () => {
  it.each([
    { ask: "/readyz", state: READY, status: 200, lines: ["ok"] },
    {
      ask: "/readyz?verbose",
      state: READY,
      status: 200,
      lines: ["[+]gateway ok", "[+]buildkit ok", "[+]disk ok", "[+]control-plane ok", "readyz check passed"],
    },
    {
      ask: "/readyz",
      state: DEGRADED,
      status: 503,
      lines: [
        "[+]gateway ok",
        "[-]buildkit failed: No answer on its socket for 12 s: see its log",
        "[!]control-plane failed, not blocking: Not attached: connection refused",
        "readyz check failed",
      ],
    },
    { ask: "/readyz?exclude=buildkit", state: DEGRADED, status: 200, lines: ["ok"] },
    {
      ask: "/readyz?verbose&exclude=buildkit&exclude=nonsense",
      state: DEGRADED,
      status: 200,
      lines: [
        "[+]gateway ok",
        "[+]buildkit excluded: ok",
        "[!]control-plane failed, not blocking: Not attached: connection refused",
        "warn: some checks cannot be excluded: no matches for nonsense",
        "readyz check passed",
      ],
    },
    {
      ask: "/readyz",
      state: DRAINING,
      status: 503,
      lines: [
        "[+]gateway ok",
        "[+]buildkit ok",
        "[+]disk ok",
        "[+]control-plane ok",
        "[-]draining: the provider takes the machine back",
        "readyz check failed",
      ],
    },
    {
      ask: "/readyz",
      state: { ...READY, phase: { at: "stopping", reason: "SIGTERM" } as const, checks: READY.checks.slice(0, 1) },
      status: 503,
      lines: ["[+]gateway ok", "[-]stopping: SIGTERM", "readyz check failed"],
    },
    {
      ask: "/readyz",
      state: NOTHING_OBSERVED,
      status: 503,
      lines: ["[-]starting: nothing has been looked at yet", "readyz check failed"],
    },
    { ask: "/readyz/disk", state: READY, status: 200, lines: ["ok"] },
    {
      ask: "/readyz/buildkit",
      state: DEGRADED,
      status: 503,
      lines: ["[-]buildkit failed: No answer on its socket for 12 s: see its log"],
    },
    {
      ask: "/readyz/control-plane",
      state: DEGRADED,
      status: 503,
      lines: ["[!]control-plane failed, not blocking: Not attached: connection refused"],
    },
    {
      ask: "/readyz/nonsense",
      state: READY,
      status: 404,
      lines: ["There is no check of this name. There are: gateway, buildkit, disk, control-plane"],
    },
    { ask: "/readyz/disk", state: undefined, status: 503, lines: ["starting: nothing has been looked at yet"] },
  ])("answers $ask with $status when $state.phase.at", async ({ ask, state, status, lines }) => {
    await using health = await serving(state);
    expect(await asked(health, ask)).toEqual({ status, body: `${lines.join("\n")}\n` });
  });

  it("changes with what is shown", async () => {
    await using health = await serving(READY);
    health.show(DEGRADED);
    expect((await asked(health, "/readyz")).status).toBe(503);
    health.show(READY);
    expect((await asked(health, "/readyz")).status).toBe(200);
  });
});
