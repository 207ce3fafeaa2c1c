import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { connect, createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { askedNetwork } from "../../agent/adapters/network/asked-network.ts";
import { serveNetwork } from "../../agent/adapters/network/serve-network.ts";
import { AgentError } from "../../agent/core/errors.ts";
import type { AppliedNetwork, IsolationReport } from "../../agent/core/network/order.ts";
import type { BuildNetwork } from "../../agent/ports/build-network.ts";
import { eventually } from "../buildkit/real-buildkit.ts";
import { CollectedLog } from "../keys/collected-log.ts";
import { openOrder } from "./stage/orders.ts";

const APPLIED: AppliedNetwork = {
  ipv4: "198.18.224.0/20",
  ipv6: "fd4e:9a31:c70b::/64",
  generation: "g",
  tailnet: "open",
  resolvers: ["10.0.0.2"],
  localResolvers: [],
  families: ["ipv4", "ipv6"],
  collisions: ["10.0.0.0/8"],
};
const REPORT: IsolationReport = {
  verifiedAtMs: 1,
  tookMs: 2,
  generation: "g",
  findings: [{ what: "w", target: "t", expected: "refused", got: "silent", ok: true, detail: "" }],
};

describe("orders for the network of builds", () => {
  let dir: string;
  let server: Server;
  let network: BuildNetwork;
  let admit: () => Promise<void>;
  const open = new Set<Socket>();
  const log = new CollectedLog();
  const never = new AbortController().signal;
  const path = (): string => join(dir, "network.sock");

  beforeEach(async () => {
    dir = await mkdtemp("/tmp/orders-");
    admit = () => Promise.resolve();
    network = { apply: () => Promise.resolve(APPLIED), verify: () => Promise.resolve(REPORT) };
    // As it is when systemd or the launcher hands a connection over.
    server = createServer({ allowHalfOpen: true }, (socket) => {
      open.add(socket);
      socket.once("close", () => open.delete(socket));
      void serveNetwork(network, socket, log, { admit: () => admit(), signal: never });
    });
    server.listen(path());
    await once(server, "listening");
  });
  afterEach(async () => {
    await eventually(() => open.size === 0, "no connection is left");
    server.close();
    await rm(dir, { recursive: true, force: true });
  });

  it("arrive as they were given, and so do their answers", async () => {
    const order = openOrder({
      tailnet: "open",
      searchDomains: ["acme.ts.net"],
      egress: { allowedCidrs: ["192.0.2.0/24"], allowPrivateRanges: true },
      avoid: Array.from({ length: 2_000 }, (_, at) => `10.${at >> 8}.${at & 255}.0/24`),
      mayMove: false,
    });
    let arrived: unknown;
    network.apply = (given) => {
      arrived = given;
      return Promise.resolve(APPLIED);
    };
    expect(await askedNetwork(path()).apply(order, never)).toEqual(APPLIED);
    expect(arrived).toEqual(order);
    expect(await askedNetwork(path()).verify(never)).toEqual(REPORT);
  });

  it.each([
    new AgentError("network.refused", "no CIDR", { retryable: false }),
    new AgentError("network.failed", "nft ended with 1", { retryable: true }),
  ])("fail with what kept them from being carried out: $code", async (failure) => {
    network.apply = () => Promise.reject(failure);
    await expect(askedNetwork(path()).apply(openOrder(), never)).rejects.toMatchObject({
      code: failure.code,
      message: failure.message,
      retryable: failure.retryable,
    });
  });

  it.each([
    ["{}\n", "network.malformed"],
    ["no JSON\n", "network.malformed"],
    ['{"version":2,"verb":"verify"}\n', "network.other-version"],
    ['{"version":1,"verb":"verify","more":1}\n', "network.malformed"],
    ['{"version":1,"verb":"apply","order":{"tailnet":"ajar"}}\n', "network.malformed"],
    [`${"x".repeat(1_000_000)}\n`, "network.malformed"],
  ])("are refused whole if they are none: %#", async (line, code) => {
    let applied = 0;
    network.apply = () => {
      applied += 1;
      return Promise.resolve(APPLIED);
    };
    const socket = connect(path());
    socket.end(line);
    let answer = "";
    for await (const piece of socket.setEncoding("utf8") as AsyncIterable<string>) answer += piece;
    expect(JSON.parse(answer)).toMatchObject({ is: "failed", code });
    expect(applied).toBe(0);
  });

  it("are carried out to the end if their asker goes; a verification ends with its asker", async () => {
    const ends: string[] = [];
    const begun: string[] = [];
    network.apply = async (_order, signal) => {
      begun.push("apply");
      await eventually(() => begun.length === 2, "the other has begun, and its asker gone");
      ends.push(signal.aborted ? "apply cut" : "apply done");
      return APPLIED;
    };
    network.verify = async (signal) => {
      begun.push("verify");
      await once(signal, "abort");
      ends.push("verify cut");
      signal.throwIfAborted();
      return REPORT;
    };
    for (const verb of ["apply", "verify"] as const) {
      const impatient = new AbortController();
      const asked = askedNetwork(path());
      const answer = verb === "apply" ? asked.apply(openOrder(), impatient.signal) : asked.verify(impatient.signal);
      await eventually(() => begun.includes(verb), `${verb} has begun`);
      impatient.abort(new Error("enough"));
      await expect(answer).rejects.toThrow("enough");
    }
    await eventually(() => ends.length === 2, "both are over");
    expect(ends.toSorted()).toEqual(["apply done", "verify cut"]);
  });

  describe("of which the first starts ahead", () => {
    /** How often somebody connected. */
    let connections: number;
    beforeEach(() => {
      connections = 0;
      server.on("connection", () => (connections += 1));
    });

    it("and its trial are one connection, so that a boot waits for one process; later ones are each their own", async () => {
      const asked = askedNetwork(path(), { startsAhead: true });
      await eventually(() => connections === 1, "somebody is there before there is an order");
      expect(await asked.apply(openOrder(), never)).toEqual(APPLIED);
      expect(await asked.verify(never)).toEqual(REPORT);
      expect(connections).toBe(1);
      expect(await asked.verify(never)).toEqual(REPORT);
      expect(await asked.apply(openOrder(), never)).toEqual(APPLIED);
      expect(await asked.verify(never)).toEqual(REPORT);
      expect(connections).toBe(4);
    });

    it("is in force before its trial is over, and the trial tells of its own failure", async () => {
      let fail: (failure: unknown) => void = () => undefined;
      network.verify = () => new Promise((_, reject) => (fail = reject));
      const asked = askedNetwork(path(), { startsAhead: true });
      expect(await asked.apply(openOrder(), never)).toEqual(APPLIED);
      const trial = asked.verify(never);
      fail(new AgentError("isolation.not-verified", "no cable", { retryable: true }));
      await expect(trial).rejects.toMatchObject({ code: "isolation.not-verified", message: "no cable" });
      expect(await asked.apply(openOrder(), never)).toEqual(APPLIED);
    });

    it("fails with what kept it from being carried out, and nothing of it is tried", async () => {
      let tried = 0;
      network.apply = () => Promise.reject(new AgentError("network.refused", "no CIDR", { retryable: false }));
      network.verify = () => Promise.resolve({ ...REPORT, tookMs: (tried += 1) });
      const asked = askedNetwork(path(), { startsAhead: true });
      await expect(asked.apply(openOrder(), never)).rejects.toMatchObject({ code: "network.refused" });
      expect(tried).toBe(0);
    });

    it.each(["the trial's asker goes", "the next order comes"])("has no trial any more once %s", async (how) => {
      const ends: string[] = [];
      const before = log.lines.length;
      network.verify = async (signal) => {
        await once(signal, "abort");
        ends.push("cut");
        signal.throwIfAborted();
        return REPORT;
      };
      const asked = askedNetwork(path(), { startsAhead: true });
      await asked.apply(openOrder(), never);
      const impatient = new AbortController();
      if (how === "the next order comes") await asked.apply(openOrder(), never);
      else {
        const trial = asked.verify(impatient.signal);
        impatient.abort(new Error("enough"));
        await trial.catch(() => undefined);
      }
      await eventually(() => ends.length === 1, "the trial is over");
      expect(log.lines.slice(before)).toEqual([]);
    });

    it("is carried out to the end if its asker goes, and not tried", async () => {
      const done: string[] = [];
      const impatient = new AbortController();
      network.apply = async () => {
        impatient.abort(new Error("enough"));
        await eventually(() => [...open].every((socket) => socket.readableEnded), "the asker has gone");
        done.push("applied");
        return APPLIED;
      };
      network.verify = async (signal) => {
        done.push(signal.aborted ? "not tried" : "tried");
        signal.throwIfAborted();
        return Promise.resolve(REPORT);
      };
      const asked = askedNetwork(path(), { startsAhead: true });
      await expect(asked.apply(openOrder(), impatient.signal)).rejects.toThrow("enough");
      await eventually(() => done.length === 2, "the order is through");
      expect(done).toEqual(["applied", "not tried"]);
    });
  });

  it("are taken from nobody who may not give any", async () => {
    admit = () => Promise.reject(new AgentError("network.peer-refused", "not you", { retryable: false }));
    network.apply = () => Promise.reject(new Error("it was carried out"));
    await expect(askedNetwork(path()).apply(openOrder(), never)).rejects.toMatchObject({
      code: "network.peer-refused",
    });
  });

  it("say that nobody is there, where nobody is", async () => {
    await expect(askedNetwork(join(dir, "nobody.sock")).verify(never)).rejects.toMatchObject({
      code: "network.unreachable",
      retryable: true,
    });
  });
});
