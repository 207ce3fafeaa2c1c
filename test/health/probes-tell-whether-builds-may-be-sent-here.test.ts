import { describe, expect, it } from "vitest";
import { NOTHING_OBSERVED } from "../../agent/core/observed-state.ts";
import { asked, serving } from "./serving.ts";
import { DEGRADED, DRAINING, NOW_MS, READY } from "./states.ts";

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
      ask: "/readyz?exclude=nonsense",
      state: READY,
      status: 200,
      lines: ["ok", "warn: some checks cannot be excluded: no matches for nonsense"],
    },
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
      status: 200,
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

  describe("as JSON", () => {
    const CAUSED = {
      ...DEGRADED,
      checks: DEGRADED.checks.map((one) =>
        one.name === "buildkit" ? { ...one, remedy: "Look", causedBy: "disk" } : one,
      ),
    };
    const BUILDKIT = {
      name: "buildkit",
      status: "failed",
      severity: "blocking",
      since: "2026-01-02T01:02:25Z",
      sinceMs: NOW_MS - 7_300_000,
      message: "No answer on its socket for 12 s: see its log",
      remedy: "Look",
      evidence: ["looked at"],
      causedBy: "disk",
    };

    it.each([
      { ask: "/readyz?format=json", accept: "*/*" },
      { ask: "/readyz", accept: "application/json" },
      { ask: "/readyz", accept: "text/plain;q=0.5, application/json;q=0.9" },
    ])(
      "is what $ask with Accept: $accept gets, with each check's state, severity, time, remedy and evidence",
      async ({ ask, accept }) => {
        await using health = await serving(CAUSED);
        const response = await fetch(new URL(ask, health.url), { headers: { accept } });
        expect(response.status).toBe(503);
        expect(response.headers.get("content-type")).toBe("application/json; charset=utf-8");
        const told = (await response.json()) as { checks: unknown[] };
        expect(told).toMatchObject({
          status: "not-ready",
          phase: "degraded",
          observedAt: "2026-01-02T03:04:05Z",
          warnings: [],
        });
        expect(told.checks[1]).toEqual(BUILDKIT);
        expect(told.checks[2]).toMatchObject({ name: "control-plane", status: "failed", severity: "warning" });
      },
    );

    it.each([
      { ask: "/readyz?format=text", accept: "application/json" },
      { ask: "/readyz", accept: "text/html, */*" },
      { ask: "/readyz", accept: "application/json;q=0, text/plain" },
    ])("is not what $ask with Accept: $accept gets", async ({ ask, accept }) => {
      await using health = await serving(READY);
      expect(await (await fetch(new URL(ask, health.url), { headers: { accept } })).text()).toBe("ok\n");
    });

    it("tells one check alone, and by its status whether that one keeps builds away", async () => {
      await using health = await serving(CAUSED);
      const blocking = await asked(health, "/readyz/buildkit?format=json");
      expect([blocking.status, JSON.parse(blocking.body)]).toEqual([503, BUILDKIT]);
      const warning = await asked(health, "/readyz/control-plane?format=json");
      expect([warning.status, JSON.parse(warning.body)]).toMatchObject([
        200,
        { status: "failed", severity: "warning" },
      ]);
      const none = await asked(health, "/readyz/nonsense?format=json");
      expect([none.status, JSON.parse(none.body)]).toMatchObject([
        404,
        { error: expect.stringContaining("There are: gateway") as string },
      ]);
    });

    it("says what was excluded, and what cannot be, also when all is well", async () => {
      await using health = await serving(READY);
      const { status, body } = await asked(health, "/readyz?format=json&exclude=disk&exclude=nonsense");
      expect([status, JSON.parse(body)]).toMatchObject([
        200,
        {
          status: "ready",
          excluded: ["disk"],
          warnings: [expect.stringContaining("no matches for nonsense") as string],
        },
      ]);
    });
  });

  it("changes with what is shown", async () => {
    await using health = await serving(READY);
    health.show(DEGRADED);
    expect((await asked(health, "/readyz")).status).toBe(503);
    health.show(READY);
    expect((await asked(health, "/readyz")).status).toBe(200);
  });
});
