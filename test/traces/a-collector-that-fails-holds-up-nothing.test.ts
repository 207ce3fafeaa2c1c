import type { LookupAddress } from "node:dns";
import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { Resolve } from "../../agent/adapters/traces/guarded-lookup.ts";
import { Secret } from "../../agent/core/secret.ts";
import { tracePlan } from "../../agent/core/traces/target.ts";
import { fixedPort } from "../../sandbox/net/fixed-port.ts";
import { CertificateAuthority } from "../../sandbox/pki/certificate-authority.ts";
import { SERVER_AUTH } from "../../sandbox/pki/certificate-profile.ts";
import { type Behaviour, OtlpReceiver, take } from "./otlp-receiver.ts";
import { Stage, trace } from "./stage.ts";

const DROPPED = (reason: string): string => `builder_agent_spans_dropped_total{reason="${reason}"}`;

describe("what the far end does", () => {
  it.each<{ readonly name: string; readonly does: Behaviour; readonly says: RegExp }>([
    { name: "a bad request", does: (_, response) => response.writeHead(400).end("no"), says: /^It answered 400$/ },
    {
      name: "a wrong token",
      does: (_, response) => response.writeHead(401).end(),
      says: /401: does it take these headers/,
    },
    {
      name: "a wrong path",
      does: (_, response) => response.writeHead(404).end(),
      says: /404: is the endpoint the base/,
    },
    {
      name: "a redirection",
      does: (_, response) => response.writeHead(307, { Location: "http://127.0.0.1:1/" }).end(),
      says: /answered 307, a redirection, which is not followed/,
    },
    {
      name: "a page",
      does: (_, response) => response.writeHead(200, { "Content-Type": "text/html" }).end("<html>welcome"),
      says: /answered 200 with text\/html that is not OTLP's/,
    },
    {
      name: "bytes that are no answer",
      does: (_, response) => response.writeHead(200, { "Content-Type": "application/x-protobuf" }).end("\x0a\xff\xff"),
      says: /answered 200 with application\/x-protobuf that is not OTLP's/,
    },
    {
      name: "a number of rejected spans that is none",
      does: (_, response) =>
        response.writeHead(200, { "Content-Type": "application/json" }).end('{"partialSuccess":{"rejectedSpans":"x"}}'),
      says: /answered 200 with application\/json that is not OTLP's/,
    },
    {
      name: "an answer without an end",
      does(_, response) {
        response.writeHead(200, { "Content-Type": "application/x-protobuf" });
        const more = (): unknown => response.write(Buffer.alloc(16_384), (failure) => failure ?? more());
        more();
      },
      says: /more than 64 KiB/,
    },
  ])("$name loses its batch, is told, and the next is tried", async ({ does, says }) => {
    await using receiver = await OtlpReceiver.listen();
    receiver.behaviour = does;
    await using stage = new Stage();
    stage.sendTo({ otlpEndpoint: receiver.url });
    stage.traces.tell(trace("first"));
    expect(await stage.failure()).toMatch(says);
    expect(await stage.count(DROPPED("not-accepted"))).toBe(1);
    expect(stage.log.events).toEqual(["traces.not-accepted"]);
    receiver.behaviour = take;
    stage.traces.tell(trace("second"));
    await stage.accepted();
    expect(receiver.spans.map(({ name }) => name)).toEqual(["first", "second"]);
    expect(stage.log.events).toEqual(["traces.not-accepted", "traces.accepted"]);
    expect(await stage.count("builder_agent_spans_exported_total")).toBe(1);
  });

  it.each([429, 502, 503, 504])("%i is asked again, as late as it says, and nothing is lost", async (status) => {
    await using receiver = await OtlpReceiver.listen();
    receiver.behaviour = (_, response) => {
      receiver.behaviour = take;
      response.writeHead(status, { "Retry-After": "1" }).end();
    };
    await using stage = new Stage();
    stage.sendTo({ otlpEndpoint: receiver.url });
    stage.traces.tell(trace());
    const refusedAt = performance.now();
    await stage.failure();
    await stage.accepted();
    expect(performance.now() - refusedAt).toBeGreaterThan(900);
    const [first, second] = receiver.taken.get();
    expect(second?.spans).toEqual(first?.spans);
    expect(await stage.count(DROPPED("not-accepted"))).toBe(0);
  });

  it("spans of which it rejects some are counted as lost, the others as sent", async () => {
    await using receiver = await OtlpReceiver.listen();
    receiver.behaviour = (_, response) => {
      const body = JSON.stringify({ partialSuccess: { rejectedSpans: "1", errorMessage: "too old" } });
      response.writeHead(200, { "Content-Type": "application/json" }).end(body);
    };
    await using stage = new Stage();
    stage.sendTo({ otlpEndpoint: receiver.url });
    for (const name of ["one", "two", "three"]) stage.traces.tell(trace(name));
    await stage.accepted();
    expect(await stage.count(DROPPED("rejected"))).toBe(1);
    expect(await stage.count("builder_agent_spans_exported_total")).toBe(2);
    expect(stage.log.events).toEqual(["traces.partly-rejected"]);
  });

  it("one that hangs is given up within the deadline of an export, and whoever tells of work is not held up", async () => {
    await using receiver = await OtlpReceiver.listen();
    receiver.behaviour = () => undefined;
    await using stage = new Stage({ exportMs: 100, retryMs: 50 });
    stage.sendTo({ otlpEndpoint: receiver.url });
    stage.traces.tell(trace());
    await receiver.untilRequests(1);
    const begunMs = performance.now();
    for (let count = 0; count < 1_000; count += 1) stage.traces.tell(trace());
    expect(performance.now() - begunMs).toBeLessThan(1_000);
    expect(await stage.failure()).toBe("It did not answer within 0.1 s");
    await stage.progress.first(() => receiver.taken.get().length > 1, AbortSignal.timeout(20_000));
  });

  it("one that sends its answer a byte at a time is given up as well", async () => {
    await using receiver = await OtlpReceiver.listen();
    receiver.behaviour = (_, response) => {
      response.writeHead(200, { "Content-Type": "application/x-protobuf" });
      const drip = setInterval(() => response.write("\x00"), 20);
      response.on("close", () => clearInterval(drip));
    };
    await using stage = new Stage({ exportMs: 200, retryMs: 50 });
    stage.sendTo({ otlpEndpoint: receiver.url });
    stage.traces.tell(trace());
    expect(await stage.failure()).toBe("It did not answer within 0.2 s");
  });

  it("one that nobody listens at is told with its cause, and tried again", async () => {
    const port = await fixedPort();
    await using stage = new Stage();
    stage.sendTo({ otlpEndpoint: `http://127.0.0.1:${port}` });
    stage.traces.tell(trace());
    expect(await stage.failure()).toMatch(/^It did not answer: connect ECONNREFUSED/);
    expect(await stage.count(DROPPED("not-accepted"))).toBe(0);
  });
});

describe("bounds", () => {
  it("what finds no room is dropped and counted, and no more waits than is allowed", async () => {
    await using receiver = await OtlpReceiver.listen();
    receiver.behaviour = () => undefined;
    await using stage = new Stage({ waitingSpans: 10, gatherMs: 60_000, flushMs: 50 });
    stage.sendTo({ otlpEndpoint: receiver.url });
    for (let count = 0; count < 25; count += 1) stage.traces.tell(trace());
    expect(await stage.count(DROPPED("queue-full"))).toBe(15);
  });

  it("what still waits at the end is sent before the process ends", async () => {
    await using receiver = await OtlpReceiver.listen();
    const stage = new Stage({ gatherMs: 60_000 });
    stage.sendTo({ otlpEndpoint: receiver.url });
    stage.traces.tell(trace("before"));
    await stage.stop();
    stage.traces.tell(trace("after"));
    await stage[Symbol.asyncDispose]();
    expect(receiver.spans.map(({ name }) => name)).toEqual(["before", "after"]);
  });

  it("an end waits for a far end that hangs no longer than it may, and counts what is lost", async () => {
    await using receiver = await OtlpReceiver.listen();
    receiver.behaviour = () => undefined;
    const stage = new Stage({ flushMs: 200 });
    stage.sendTo({ otlpEndpoint: receiver.url });
    stage.traces.tell(trace());
    await receiver.untilRequests(1);
    const begunMs = performance.now();
    await stage[Symbol.asyncDispose]();
    expect(performance.now() - begunMs).toBeLessThan(5_000);
    expect(await stage.count(DROPPED("not-accepted"))).toBe(1);
  });

  it("counters are there from the start, at zero", async () => {
    await using stage = new Stage();
    const series = ["queue-full", "not-accepted", "rejected"].map(DROPPED);
    for (const one of [...series, "builder_agent_spans_exported_total"]) expect(await stage.count(one)).toBe(0);
  });

  it("what is told while nobody is sent to is forgotten", async () => {
    await using receiver = await OtlpReceiver.listen();
    await using stage = new Stage();
    stage.traces.tell(trace("before"));
    stage.sendTo({ otlpEndpoint: receiver.url });
    stage.traces.tell(trace("while"));
    expect((await receiver.untilSpans(1)).map(({ name }) => name)).toEqual(["while"]);
  });
});

describe("to whom", () => {
  it("a collector with a certificate of a private CA is believed by that CA alone", async () => {
    const ca = await CertificateAuthority.create({ name: "collector CA" });
    const { certPem: cert, keyPem: key } = await ca.issue({
      name: "collector",
      ipSans: ["127.0.0.1"],
      extendedKeyUsage: [SERVER_AUTH],
    });
    await using receiver = await OtlpReceiver.listen({ key, cert });
    const caFile = await inFile(ca.certPem);
    {
      await using stage = new Stage();
      stage.sendTo({ otlpEndpoint: receiver.url });
      stage.traces.tell(trace());
      await stage.failure();
      expect(receiver.spans).toEqual([]);
    }
    await using stage = new Stage();
    stage.sendTo({ otlpEndpoint: receiver.url, caFile });
    stage.traces.tell(trace());
    await stage.accepted();
    expect(receiver.spans).toHaveLength(1);
  });

  it("headers come from their file, as it is now; a wrong line is told by its number alone", async () => {
    await using receiver = await OtlpReceiver.listen();
    const headersFile = await inFile("\nAuthorization: Bearer first-token\nX-Tenant: a b\n");
    await using stage = new Stage();
    stage.sendTo({ otlpEndpoint: receiver.url, headersFile });
    stage.traces.tell(trace());
    await stage.accepted();
    await writeFile(headersFile, "Authorization: Bearer second-token");
    stage.traces.tell(trace());
    const [first, second] = await receiver.untilRequests(2);
    expect(first?.headers).toMatchObject({ authorization: "Bearer first-token", "x-tenant": "a b" });
    expect(second?.headers.authorization).toBe("Bearer second-token");
    await writeFile(headersFile, "X-Tenant: a\nContent-Length: hidden-word");
    stage.traces.tell(trace());
    const because = await stage.failure();
    expect(because).toContain("in line 2");
    expect(because).not.toContain("hidden-word");
  });

  it("what the control plane orders leads to no address that is guarded, whatever its name resolves to", async () => {
    const ca = await CertificateAuthority.create({ name: "collector CA" });
    const { certPem: cert, keyPem: key } = await ca.issue({
      name: "collector",
      dnsSans: ["collector.example"],
      extendedKeyUsage: [SERVER_AUTH],
    });
    await using receiver = await OtlpReceiver.listen({ key, cert });
    const { port } = new URL(receiver.url);
    const order = {
      otlpEndpoint: `https://collector.example:${port}`,
      headers: new Map([["x-key", new Secret("k")]]),
      caPem: ca.certPem,
      sessionPercent: 100,
    };
    const plan = tracePlan({ sessionPercent: 100 }, order);
    if (plan.at !== "to") throw new Error(JSON.stringify(plan));
    {
      await using stage = new Stage({}, { resolve: resolvesTo("127.0.0.1") });
      stage.send(plan.target);
      stage.traces.tell(trace());
      await stage.failure();
      expect(receiver.taken.get()).toEqual([]);
    }
    // The same without the guard: only that kept it away.
    await using stage = new Stage({}, { resolve: resolvesTo("127.0.0.1"), forbids: () => false });
    stage.send(plan.target);
    stage.traces.tell(trace());
    await stage.accepted();
    expect(receiver.taken.get()[0]?.headers["x-key"]).toBe("k");
  });
});

function resolvesTo(address: string): Resolve {
  const answer = (_: string, __: unknown, done: (failure: null, found: LookupAddress[]) => void): void =>
    done(null, [{ address, family: 4 }]);
  return answer as unknown as Resolve;
}

async function inFile(text: string): Promise<string> {
  const file = join(await mkdtemp(join(tmpdir(), "traces-")), "file");
  await writeFile(file, text);
  return file;
}
