import { expect, it } from "vitest";
import type { Evidence, Fetch } from "../../verifier/src/index.ts";
import { DAY_MS, NOW_MS } from "./authorities/clock.ts";
import { amzDate, type Headers, pieces, signedHeaders } from "./authorities/sts.ts";
import { accept, callerHeaders, INSTANCE_ID, OTHER_ACCOUNT, OTHER_INSTANCE_ID, REGION } from "./platforms.ts";
import { type Binding, outcome, Scene } from "./scene.ts";

const ENDPOINT = `https://sts.${REGION}.amazonaws.com/`;

function request(headers: Headers, url = ENDPOINT): Evidence {
  return { kind: "aws-caller-identity", url, headers };
}

/** Signed, and sent to another address. */
const to = (url: string) => (binding: Binding) => request(signedHeaders(callerHeaders(binding), REGION), url);
/** Signed with other headers. */
const signedWith = (changes: Headers) => (binding: Binding) =>
  request(signedHeaders({ ...callerHeaders(binding), ...changes }, REGION));
/** Changed after it was signed. */
const tampered = (change: (headers: Headers) => Headers) => (binding: Binding) =>
  request(change(signedHeaders(callerHeaders(binding), REGION)));

it.each<{ what: string; forge: (binding: Binding) => Evidence; code: string }>([
  {
    what: "to another region's endpoint",
    forge: to("https://sts.us-east-1.amazonaws.com/"),
    code: "endpoint-not-allowed",
  },
  {
    what: "signed for another region",
    forge: (b) => request(signedHeaders(callerHeaders(b), "us-east-1")),
    code: "request-not-expected",
  },
  {
    what: "whose binding is not signed",
    forge: (b) => request(signedHeaders(callerHeaders(b), REGION, { unsigned: ["x-builder-agent-binding"] })),
    code: "header-unsigned",
  },
  {
    what: "whose host is not signed",
    forge: (b) => request(signedHeaders(callerHeaders(b), REGION, { unsigned: ["host"] })),
    code: "header-unsigned",
  },
  {
    what: "whose date is not signed",
    forge: (b) => request(signedHeaders(callerHeaders(b), REGION, { unsigned: ["x-amz-date"] })),
    code: "header-unsigned",
  },
  {
    what: "that names a header twice as signed",
    forge: tampered((h) => ({ ...h, authorization: (h["authorization"] ?? "").replace("host;", "host;host;") })),
    code: "malformed",
  },
  {
    what: "without a binding",
    forge: (b) => {
      const { "x-builder-agent-binding": _, ...headers } = callerHeaders(b);
      return request(signedHeaders(headers, REGION));
    },
    code: "header-unsigned",
  },
  { what: "with half a binding", forge: signedWith({ "x-builder-agent-binding": "AAAA" }), code: "malformed" },
  { what: "for another host", forge: signedWith({ host: "sts.amazonaws.com" }), code: "request-not-expected" },
  { what: "that wants XML", forge: signedWith({ accept: "text/xml" }), code: "request-not-expected" },
  { what: "of another length", forge: signedWith({ "content-length": "9000" }), code: "request-not-expected" },
  {
    what: "that asks to be sent on",
    forge: signedWith({ "x-forwarded-host": "evil.example" }),
    code: "request-not-expected",
  },
  {
    what: "that asks for another action",
    forge: signedWith({ "x-amz-target": "AssumeRole" }),
    code: "request-not-expected",
  },
  {
    what: "with a line break in a header",
    forge: signedWith({ "user-agent": "a\r\nx-amz-target: b" }),
    code: "malformed",
  },
  { what: "without a signature", forge: (b) => request(callerHeaders(b)), code: "malformed" },
  {
    what: "signed for another service",
    forge: tampered((h) => ({ ...h, authorization: (h["authorization"] ?? "").replace("/sts/", "/iam/") })),
    code: "malformed",
  },
  {
    what: "signed a quarter of an hour ago",
    forge: signedWith({ "x-amz-date": amzDate(NOW_MS - 900_000) }),
    code: "expired",
  },
  {
    what: "signed in 61 seconds",
    forge: signedWith({ "x-amz-date": amzDate(NOW_MS + 61_000) }),
    code: "not-yet-valid",
  },
  { what: "signed some day", forge: signedWith({ "x-amz-date": "soon" }), code: "malformed" },
  {
    what: "signed on two days",
    forge: tampered((h) => ({ ...h, "x-amz-date": amzDate(NOW_MS + DAY_MS) })),
    code: "malformed",
  },
])("does not send a request $what: $code", async ({ forge, code }) => {
  const scene = new Scene(accept);
  expect(outcome(await scene.register(forge))).toBe(code);
  expect(scene.sts.asked).toEqual([]);
});

const honest = (binding: Binding) => request(signedHeaders(callerHeaders(binding), REGION));

it("sends what was signed, as it was signed, and leaves out what fetch adds", async () => {
  const scene = new Scene(accept);
  const verdict = await scene.register(signedWith({ "content-length": "43", "user-agent": "builder-agent" }));
  expect(verdict).toMatchObject({ verdict: "verified", instanceId: INSTANCE_ID, role: "123456789012:builder" });
  expect(scene.sts.asked).toEqual([ENDPOINT]);
});

it("knows the endpoints of China", async () => {
  const policy = { accounts: ["123456789012"], roles: ["123456789012:builder"], regions: ["cn-north-1"] };
  const scene = new Scene({ "aws-caller-identity": policy });
  const url = "https://sts.cn-north-1.amazonaws.com.cn/";
  await scene.register((b) =>
    request(signedHeaders({ ...callerHeaders(b), host: new URL(url).host }, "cn-north-1"), url),
  );
  expect(scene.sts.asked).toEqual([url]);
});

it.each<{ what: string; answer: Partial<Record<"Account" | "Arn", string>>; code: string }>([
  { what: "of another account", answer: { Account: OTHER_ACCOUNT }, code: "claims-inconsistent" },
  {
    what: "of another account altogether",
    answer: { Account: OTHER_ACCOUNT, Arn: `arn:aws:sts::${OTHER_ACCOUNT}:assumed-role/builder/${OTHER_INSTANCE_ID}` },
    code: "not-allowed",
  },
  {
    what: "of another role",
    answer: { Arn: `arn:aws:sts::123456789012:assumed-role/admin/${INSTANCE_ID}` },
    code: "not-allowed",
  },
  {
    what: "of a person",
    answer: { Arn: "arn:aws:sts::123456789012:assumed-role/builder/mallory" },
    code: "instance-unnamed",
  },
  { what: "of a user", answer: { Arn: `arn:aws:iam::123456789012:user/${INSTANCE_ID}` }, code: "claims-inconsistent" },
  { what: "of the account itself", answer: { Arn: "arn:aws:iam::123456789012:root" }, code: "claims-inconsistent" },
  { what: "of nobody", answer: { Arn: "" }, code: "malformed" },
])("refuses a caller $what: $code", async ({ answer, code }) => {
  const scene = new Scene(accept);
  Object.assign(scene.sts.answer, answer);
  expect(outcome(await scene.register(honest))).toBe(code);
});

it.each<{ what: string; failure: () => ReturnType<Fetch>; code: string }>([
  { what: "redirects", failure: async () => ({ status: 302, body: pieces() }), code: "platform-redirected" },
  { what: "throttles", failure: async () => ({ status: 429, body: pieces() }), code: "platform-unavailable" },
  { what: "is broken", failure: async () => ({ status: 503, body: pieces() }), code: "platform-unavailable" },
  { what: "refuses", failure: async () => ({ status: 403, body: pieces() }), code: "platform-refused" },
  { what: "accepts later", failure: async () => ({ status: 202, body: pieces("{}") }), code: "platform-refused" },
  { what: "says nothing", failure: async () => ({ status: 200, body: null }), code: "malformed" },
  {
    what: "answers in XML",
    failure: async () => ({ status: 200, body: pieces("<Get", "Caller/>") }),
    code: "malformed",
  },
  {
    what: "never stops",
    failure: async () => ({ status: 200, body: pieces(...Array.from({ length: 70 }, () => "x".repeat(1_024))) }),
    code: "platform-refused",
  },
  { what: "cannot be reached", failure: () => Promise.reject(new Error("ECONNREFUSED")), code: "platform-unavailable" },
])("refuses where STS $what: $code", async ({ failure, code }) => {
  const scene = new Scene(accept);
  scene.sts.failure = failure;
  const verdict = await scene.register(honest);
  expect(verdict).toMatchObject({ code, retryable: code === "platform-unavailable" });
});

it("refuses a request that somebody else has signed", async () => {
  const scene = new Scene(accept);
  const verdict = await scene.register((b) => request(signedHeaders(callerHeaders(b), REGION, { secret: "guessed" })));
  expect(outcome(verdict)).toBe("platform-refused");
});
