import { connect as connectPlain, type Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import { expect, it } from "vitest";
import { Rig } from "./rig.ts";
import { answers } from "./visit.ts";

interface Pair {
  readonly client: TLSSocket;
  /** Under the client's TLS. */
  readonly wire: Socket;
  readonly far: Socket;
}

async function session(rig: Rig): Promise<Pair> {
  const certificate = await rig.open();
  const wire = connectPlain({ host: "127.0.0.1", port: rig.port });
  wire.on("error", () => undefined);
  const client = rig.connect(certificate, { socket: wire });
  expect(await answers(client)).toBe(true);
  return { client, wire, far: await rig.far.connections.first(() => true) };
}

it.each<{ cause: string; act: (pair: Pair, rig: Rig) => unknown; ending: RegExp; detail?: RegExp }>([
  { cause: "the client ends", act: ({ client }) => client.end(), ending: /^client-closed$/ },
  {
    cause: "the client resets",
    act: ({ wire }) => wire.resetAndDestroy(),
    ending: /^client-error$/,
    detail: /^ECONNRESET$/,
  },
  { cause: "BuildKit ends", act: ({ far }) => far.end(), ending: /^buildkit-closed$/ },
  { cause: "BuildKit dies", act: ({ far }) => far.destroy(), ending: /^buildkit-(closed|error)$/ },
  {
    cause: "the build is revoked, and then the client resets",
    act: ({ wire }, rig) => {
      rig.send({ grants: new Map(), closed: new Map([["b1", "revoked"]]) });
      return rig.eventOf("applied").then(() => wire.resetAndDestroy());
    },
    ending: /^build-revoked$/,
  },
  {
    cause: "the client resets, and then the build ends",
    act: async ({ wire }, rig) => {
      wire.resetAndDestroy();
      await rig.far.deserted();
      await rig.allow({ grants: new Map(), closed: new Map([["b1", "ended"]]) });
    },
    ending: /^client-error$/,
  },
])("$cause → $ending", async ({ act, ending, detail = /^/ }) => {
  await using rig = await Rig.start();
  const pair = await session(rig);
  await act(pair, rig);
  const { summary } = await rig.eventOf("closed");
  expect(summary.ending).toMatch(ending);
  expect(summary.detail).toMatch(detail);
  // What breaks a build stands out in the log.
  const { level } = await rig.log.first(({ event }) => event === "session.closed");
  expect(level).toBe(summary.ending.startsWith("buildkit-") ? "warn" : "info");
  expect(rig.events.all.filter((event) => event.is === "closed")).toHaveLength(1);
});

it("says so when BuildKit does not take the connection", async () => {
  await using rig = await Rig.start();
  const certificate = await rig.open();
  await rig.far[Symbol.asyncDispose]();
  expect(await answers(rig.connect(certificate))).toBe(false);
  const { summary } = await rig.eventOf("closed");
  expect(summary).toMatchObject({ ending: "buildkit-error", detail: "ENOENT", bytesFromClient: 0 });
  const line = await rig.log.first(({ event }) => event === "session.closed");
  expect(line).toMatchObject({ level: "warn", data: { buildId: "b1", ending: "buildkit-error" } });
});

it("forgets a session that is over: nothing grows with their number but the records", async () => {
  await using rig = await Rig.start();
  const certificate = await rig.open();
  for (let batch = 0; batch < 10; batch += 1) {
    const clients = Array.from({ length: 20 }, () => rig.connect(certificate));
    await Promise.all(clients.map(answers));
    for (const client of clients) client.destroy();
  }
  await rig.far.deserted();
  const last = await rig.eventOf("stats", ({ stats }) => stats.accepted === 200 && stats.openSessions === 0);
  expect(last.stats).toMatchObject({ pendingHandshakes: 0, progress: [], bytesFromClients: 200, bytesToClients: 200 });
  const closed = rig.events.all.flatMap((event) => (event.is === "closed" ? [event.summary.sessionId] : []));
  expect(new Set(closed).size).toBe(200);
});
