import { constants, type OutgoingHttpHeaders } from "node:http2";
import { Metadata } from "@grpc/grpc-js";
import { beforeAll, describe, expect, it } from "vitest";
import { joinTokenEvidence } from "../../agent/adapters/evidence/join-token-evidence.ts";
import { planeErrorFrom } from "../../agent/adapters/grpc/grpc-error.ts";
import type { ControlPlane } from "../../agent/ports/control-plane.ts";
import type { MachineIdentity } from "../../agent/ports/keys.ts";
import { EmbeddedControlPlane } from "../../sandbox/control-plane/embedded-control-plane.ts";
import { type Answer, Intermediary, page, trailersOnly } from "./intermediary.ts";
import { APP, dial, endOf, FOREVER, HELLO, join } from "./member.ts";
import { TokenFile } from "./token-file.ts";

const MARK = "builder-agent-refusal";

let identity: MachineIdentity;
beforeAll(async () => {
  await using plane = await EmbeddedControlPlane.listen();
  await using client = dial(plane);
  await using token = await TokenFile.holding(plane.issueJoinToken(APP));
  identity = await join(client, joinTokenEvidence({ tokenFile: token.path }));
});

const CALLS: Readonly<Record<string, (client: ControlPlane) => Promise<unknown>>> = {
  GetChallenge: (client) => client.getChallenge(FOREVER).catch((failure: unknown) => failure),
  RenewCertificates: (client) => client.renew(identity, {}, FOREVER).catch((failure: unknown) => failure),
  Attach: (client) => endOf(client.attach(identity, HELLO, FOREVER)),
};

/** What the agent makes of an answer, call by call. */
async function heard(answer: Answer): Promise<Readonly<Record<string, unknown>>> {
  await using server = await Intermediary.listen(answer);
  await using client = dial(server, { limits: { unaryMs: 5_000, openingMs: 5_000 } });
  const failures: Record<string, unknown> = {};
  for (const [name, call] of Object.entries(CALLS)) failures[name] = await call(client);
  return failures;
}

function each(expected: object): Readonly<Record<string, object>> {
  return Object.fromEntries(Object.keys(CALLS).map((name) => [name, expected]));
}

describe("an intermediary's answer", () => {
  it.each<{ of: string; answer: Answer; step: string }>([
    { of: "a route that it lost", answer: trailersOnly({ "grpc-status": "12" }), step: "suspect" },
    {
      of: "a rule of its own",
      answer: trailersOnly({ "grpc-status": "7", "grpc-message": "RBAC: access denied" }),
      step: "suspect",
    },
    { of: "an upstream that is away", answer: trailersOnly({ "grpc-status": "14" }), step: "retry" },
    { of: "HTTP 403 with a page", answer: page(403), step: "retry" },
    { of: "HTTP 404 with a page", answer: page(404), step: "retry" },
    { of: "HTTP 502 with a page", answer: page(502), step: "retry" },
    { of: "HTTP 200 with a page", answer: page(200), step: "retry" },
    {
      of: "HTTP 404 in headers alone",
      answer: (stream) => stream.respond({ ":status": 404 }, { endStream: true }),
      step: "retry",
    },
    {
      of: "a reset of the stream",
      answer: (stream) => stream.close(constants.NGHTTP2_INTERNAL_ERROR),
      step: "retry",
    },
    { of: "a refused stream", answer: (stream) => stream.close(constants.NGHTTP2_REFUSED_STREAM), step: "retry" },
    { of: "the connection's end", answer: (stream) => stream.session?.destroy(), step: "retry" },
  ])("$of is tried again: $step", async ({ answer, step }) => {
    expect(await heard(answer)).toMatchObject(each({ step, retryable: true }));
  });

  it.each<{ of: string; answer: Answer; step: string }>([
    {
      of: "that is no code",
      answer: trailersOnly({ "grpc-status": "7", [MARK]: "You shall not pass!" }),
      step: "suspect",
    },
    { of: "that is empty", answer: trailersOnly({ "grpc-status": "7", [MARK]: "" }), step: "suspect" },
    {
      of: "that comes twice",
      answer: trailersOnly({ "grpc-status": "7", [MARK]: ["machine-refused", "machine-refused"] }),
      step: "suspect",
    },
    {
      of: "that comes twice in one line",
      answer: trailersOnly({ "grpc-status": "7", [MARK]: "machine-refused,machine-refused" }),
      step: "suspect",
    },
    {
      of: "with a status that asks for new evidence",
      answer: trailersOnly({ "grpc-status": "16", [MARK]: "machine-refused" }),
      step: "new-evidence",
    },
    {
      of: "with a status that says something else",
      answer: trailersOnly({ "grpc-status": "14", [MARK]: "machine-refused" }),
      step: "retry",
    },
    {
      of: "on an HTTP error, which is no answer in gRPC",
      answer: (stream) => stream.respond({ ":status": 403, [MARK]: "machine-refused" }, { endStream: true }),
      step: "retry",
    },
    {
      of: "before the trailers",
      answer: (stream) => {
        const headers = { ":status": 200, "content-type": "application/grpc", [MARK]: "machine-refused" };
        stream.respond(headers, { waitForTrailers: true });
        stream.once("wantTrailers", () => stream.sendTrailers({ "grpc-status": "7" }));
        stream.end();
      },
      step: "suspect",
    },
  ])("with a mark $of is tried again: $step", async ({ answer, step }) => {
    expect(await heard(answer)).toMatchObject(each({ step, retryable: true }));
  });
});

const AT = "builder-agent-time-ms";

/** Headers of gRPC, then these trailers, and no message. */
const trailed =
  (trailers: OutgoingHttpHeaders): Answer =>
  (stream) => {
    stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
    stream.once("wantTrailers", () => stream.sendTrailers(trailers));
    stream.end();
  };

describe("the control plane was heard", () => {
  it.each<{ of: string; answer: Answer; answered: boolean }>([
    { of: "a status alone", answer: trailersOnly({ "grpc-status": "14" }), answered: true },
    { of: "trailers with its time", answer: trailed({ "grpc-status": "14", [AT]: "1" }), answered: true },
    { of: "trailers that anybody may send", answer: trailed({ "grpc-status": "14" }), answered: false },
    { of: "a page", answer: page(503), answered: false },
    {
      of: "a page that bears a mark",
      answer: (stream) => stream.respond({ ":status": 403, [MARK]: "machine-refused" }, { endStream: true }),
      answered: false,
    },
    { of: "the connection's end", answer: (stream) => stream.session?.destroy(), answered: false },
    {
      of: "a reset",
      answer: (stream) => stream.close(constants.NGHTTP2_ENHANCE_YOUR_CALM),
      answered: false,
    },
  ])("by $of: $answered", async ({ answer, answered }) => {
    expect(await heard(answer)).toMatchObject(each({ answered }));
  });

  it("by no words of the gRPC library, known or not", () => {
    const said = (details: string): unknown =>
      planeErrorFrom(
        "Attach",
        Object.assign(new Error(`14: ${details}`), { code: 14, details, metadata: new Metadata() }),
      );
    expect(said("Words of its next release")).toMatchObject({
      answered: false,
      message: expect.stringContaining("UNAVAILABLE (Words of its next release)") as string,
    });
    const unconnected =
      "No connection established. Last error: Error: connect ECONNREFUSED 192.0.2.1:443. Resolution note: ,";
    expect(said(unconnected)).toMatchObject({ answered: false, message: expect.stringContaining("refused") as string });
    expect(JSON.stringify([String(said(unconnected)), String((said(unconnected) as Error).cause)])).not.toContain(
      "note",
    );
  });
});

it("a mark that comes twice is none, also where the library gives its lines one by one", () => {
  const metadata = new Metadata();
  const refusal = (): unknown =>
    planeErrorFrom("Attach", Object.assign(new Error("no"), { code: 7, details: "no", metadata }));
  metadata.add(MARK, "machine-refused");
  expect(refusal()).toMatchObject({ step: "end-agent" });
  metadata.add(MARK, "machine-refused");
  expect(refusal()).toMatchObject({ step: "suspect" });
});

describe("a refusal with the control plane's mark", () => {
  it.each([
    { status: "PERMISSION_DENIED", code: "machine-refused", number: "7" },
    { status: "PERMISSION_DENIED", code: "evidence-refused", number: "7" },
    { status: "UNIMPLEMENTED", code: "contract-unsupported", number: "12" },
    { status: "PERMISSION_DENIED", code: "a-code-of-tomorrow", number: "7" },
  ])("ends the agent, and says why: $code", async ({ status, code, number }) => {
    const answer = trailersOnly({ "grpc-status": number, "grpc-message": "enough", [MARK]: code });
    const ending = { status, step: "end-agent", retryable: false, refusal: { code } };
    const failures = await heard(answer);
    expect(failures).toMatchObject(each(ending));
    expect(String(failures["Attach"])).toContain(`${status} (${code}): enough`);
  });

  it("ends it in trailers after messages too", async () => {
    const answer: Answer = (stream) => {
      stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
      stream.once("wantTrailers", () => stream.sendTrailers({ "grpc-status": "7", [MARK]: "machine-refused" }));
      stream.end();
    };
    expect(await heard(answer)).toMatchObject(each({ step: "end-agent", refusal: { code: "machine-refused" } }));
  });
});
