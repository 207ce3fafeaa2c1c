import { stsError, stsErrorCode } from "../../../agent/adapters/evidence/aws/sts-error.ts";
import { certificatesIn } from "../../../agent/adapters/evidence/azure/certificates-in.ts";
import { jsonObject } from "../../../agent/adapters/evidence/metadata/json-object.ts";
import { sequenceFromBase64 } from "../../../agent/adapters/evidence/metadata/signed-bytes.ts";
import { audiencesOf, hasShapeOfSignedJwt } from "../../../agent/adapters/evidence/signed-jwt.ts";
import { refusal, refusalIn } from "../../../agent/adapters/tailscale/auth-refusal.ts";
import { readStatus } from "../../../agent/adapters/tailscale/daemon-status.ts";
import { loginStep } from "../../../agent/adapters/tailscale/login-progress.ts";
import { readNotification } from "../../../agent/adapters/tailscale/notification.ts";
import { readSuccess } from "../../../agent/adapters/traces/encode.ts";
import { judgeAnswer } from "../../../agent/adapters/traces/judge-answer.ts";
import { nodePeerReader } from "../../../agent/adapters/x509/peer-reader.ts";
import { frame, TYPE } from "../../../agent/gateway/http2/frames.ts";
import { HpackDecoder, HpackError } from "../../../agent/gateway/http2/hpack.ts";
import { MessageError, MessageFields } from "../../../agent/gateway/http2/message-fields.ts";
import { ServerFrames } from "../../../agent/gateway/http2/server-frames.ts";
import { ExchangeRefusal } from "../../../sandbox/control-plane/exchange/exchange-refusal.ts";
import { readBuildRequest } from "../../../sandbox/control-plane/exchange/http/build-request.ts";
import { readTokenRequest } from "../../../sandbox/control-plane/exchange/http/token-request.ts";
import { readCompactJwt } from "../../../verifier/src/jwt/compact.ts";
import { Refused } from "../../../verifier/src/refusal.ts";
import { parseJsonObject } from "../../../verifier/src/strict-json.ts";
import { parseCertificate } from "../../../verifier/src/x509/certificate.ts";
import { bytesOf, clientSession } from "../../gateway/http2/client-session.ts";
import { Dice } from "../../gateway/http2/dice.ts";
import { guarded } from "../../gateway/http2/judged.ts";
import { ofBytes, ofText, type Parser } from "../parser.ts";
import { type Certified, certificateMessage, clientFlight, field } from "../samples.ts";

const STS =
  "<ErrorResponse><Error><Type>Sender</Type><Code>ExpiredTokenException</Code><Message>m</Message></Error></ErrorResponse>";
const STATUS = {
  BackendState: "Running",
  HaveNodeKey: true,
  Self: {
    ID: "n1",
    DNSName: "a.ts.example.",
    TailscaleIPs: ["100.64.0.1"],
    Tags: ["tag:a"],
    AllowedIPs: ["100.64.0.1/32"],
  },
  CurrentTailnet: { MagicDNSSuffix: "ts.example", MagicDNSEnabled: true },
  Peer: { k: { ID: "n2", DNSName: "b.", TailscaleIPs: ["100.64.0.2"], AllowedIPs: ["100.64.0.2/32", "10.0.0.0/8"] } },
};
const NOTE = {
  State: 6,
  ErrMessage: null,
  BrowseToURL: null,
  Health: {
    Warnings: {
      "login-state": { Text: "t", Args: { error: "register request: http 401: invalid key: API key does not exist" } },
    },
  },
};
const JWT = ["eyJhbGciOiJSUzI1NiJ9", Buffer.from('{"aud":["a","b"],"iss":"i"}').toString("base64url"), "c2ln"].join(
  ".",
);
const isRefused = (failure: unknown): boolean => failure instanceof Refused;
const isExchangeRefusal = (failure: unknown): boolean => failure instanceof ExchangeRefusal;
const SESSION = (odd: number): Buffer => bytesOf(clientSession({ dice: new Dice(odd * 100 + 1), odd, codes: [] }));

/** What comes over the network: platforms' services, the tailnet's, clients. */
export function fromTheNetwork({ certDer, certPem }: Certified): readonly Parser[] {
  const pkcs7 = Buffer.concat([Buffer.from([0x30, 0x80, 0xa0, 0x80, 0x30, 0x80, 0xa0, 0x80]), certDer]);
  return [
    ofBytes(
      {
        name: "the chain that a client sent",
        at: "agent/adapters/x509/sent-chain.ts",
        samples: [certificateMessage(certDer)],
        mostBytes: 16 * 1024,
      },
      (message) => {
        const reader = nodePeerReader();
        return [reader.sent(clientFlight(message, 1_000)), reader.sent(clientFlight(message.subarray(0, 40), 2))];
      },
    ),
    ofText(
      {
        name: "an object of a metadata service",
        at: "agent/adapters/evidence/metadata/json-object.ts",
        samples: [{ access_token: "a" }],
      },
      jsonObject,
    ),
    ofText(
      {
        name: "a signed document in base64",
        at: "agent/adapters/evidence/metadata/signed-bytes.ts",
        samples: [certDer.toString("base64")],
        troubles: ["MIA=", "\n"],
      },
      sequenceFromBase64,
    ),
    ofBytes(
      {
        name: "the certificates of Azure's document",
        at: "agent/adapters/evidence/azure/certificates-in.ts",
        samples: [pkcs7, certDer],
      },
      certificatesIn,
    ),
    ofText(
      { name: "a platform's token", at: "agent/adapters/evidence/signed-jwt.ts", samples: [JWT], troubles: ["."] },
      (text) => (hasShapeOfSignedJwt(text) ? audiencesOf(text) : []),
    ),
    ofText(
      {
        name: "an error of STS",
        at: "agent/adapters/evidence/aws/sts-error.ts",
        samples: [STS],
        troubles: ["<Error>", "<Error><Code>", "<Code>constructor</Code>", "<Error><Code>constructor</Code>"],
      },
      (text) => {
        const answer = { status: 403, headers: {}, bytes: new Uint8Array(), text };
        stsErrorCode(answer);
        return stsError({ whom: "STS", method: "POST", url: new URL("https://sts.example/"), types: [] }, answer, 0);
      },
    ),
    ofText(
      {
        name: "tailscaled's status",
        at: "agent/adapters/tailscale/daemon-status.ts",
        samples: [STATUS],
        mostBytes: 1024 * 1024,
        troubles: [statusOfManyAddresses()],
      },
      readStatus,
    ),
    ofText(
      {
        name: "tailscaled's notifications",
        at: [
          "agent/adapters/tailscale/notification.ts",
          "agent/adapters/tailscale/login-progress.ts",
          "agent/adapters/tailscale/auth-refusal.ts",
        ],
        samples: [NOTE, { State: 2, BrowseToURL: "https://a" }, { PeersChanged: [{}] }],
        mostBytes: 1024 * 1024,
      },
      (line) => loginStep(readNotification(line), "https://server"),
    ),
    ofText(
      {
        name: "what a coordination server says",
        at: "agent/adapters/tailscale/auth-refusal.ts",
        samples: [
          "requested tags [tag:x] are invalid or not permitted",
          "register request: http 401: invalid key",
          "rate limited",
        ],
        mostBytes: 1024 * 1024,
        troubles: ["tag ", "tags invalid ", "expired ", "key ", "invalid ", "register request: http 5: ", ": "],
      },
      (words) => {
        refusalIn(words);
        loginStep({ loginError: words, asksForPerson: false, changed: true }, "https://server");
        return refusal(words);
      },
    ),
    ofText(
      {
        name: "what a receiver of traces answers",
        at: ["agent/adapters/traces/judge-answer.ts", "agent/adapters/traces/encode.ts"],
        samples: [{ partialSuccess: { rejectedSpans: "3", errorMessage: "m" } }, {}],
      },
      (text) =>
        judgeAnswer(
          { status: 200, type: "application/json", retryAfter: text.slice(0, 30), body: Buffer.from(text) },
          readSuccess,
          0,
        ),
    ),
    ofBytes(
      {
        name: "what a receiver of traces answers in protobuf",
        at: "agent/adapters/traces/encode.ts",
        samples: [field(1, Buffer.concat([Buffer.from([8, 3]), field(2, "m")]))],
      },
      (body) =>
        judgeAnswer({ status: 200, type: "application/x-protobuf", retryAfter: undefined, body }, readSuccess, 0),
    ),
    ofBytes(
      {
        name: "a client's frames",
        at: ["agent/gateway/http2/client-frames.ts", "agent/gateway/http2/frames.ts"],
        samples: [SESSION(0), SESSION(0.1)],
        mostBytes: 256 * 1024,
      },
      (bytes) => guarded([bytes.subarray(0, 100), bytes.subarray(100)]),
    ),
    ofBytes(
      {
        name: "BuildKit's frames",
        at: "agent/gateway/http2/server-frames.ts",
        samples: [
          Buffer.concat([frame(TYPE.settings, 0, 0, Buffer.alloc(0)), frame(TYPE.data, 1, 1, Buffer.from("abc"))]),
        ],
        mostBytes: 1024 * 1024,
      },
      (bytes) =>
        new ServerFrames({
          send: () => undefined,
          looksInto: () => true,
          onData: () => undefined,
          onEnd: () => undefined,
        }).pass(bytes),
    ),
    ofBytes(
      {
        name: "header blocks",
        at: ["agent/gateway/http2/hpack.ts", "agent/gateway/http2/huffman.ts"],
        samples: [Buffer.from([0x82, 0x86, 0x84, 0x41, 0x01, 0x61]), Buffer.from([0x40, 0x01, 0x61, 0x82, 0xf1, 0xe3])],
        isRefusal: (failure) => failure instanceof HpackError,
      },
      (bytes) => new HpackDecoder(16_384).decode(bytes),
    ),
    ofBytes(
      {
        name: "names in a call's message",
        at: "agent/gateway/http2/message-fields.ts",
        samples: [Buffer.concat([Buffer.from([0, 0, 0, 0, 5]), field(1, "abc")])],
        mostBytes: 1024 * 1024,
        isRefusal: (failure) => failure instanceof MessageError,
      },
      (bytes) => new MessageFields(new Set([1, 5])).push(bytes),
    ),
    ofBytes(
      {
        name: "a certificate, for the verifier",
        at: "verifier/src/x509/certificate.ts",
        samples: [certDer],
        isRefusal: isRefused,
      },
      parseCertificate,
    ),
    ofText(
      {
        name: "a certificate in PEM, for the verifier",
        at: "verifier/src/x509/certificate.ts",
        samples: [certPem],
        isRefusal: isRefused,
      },
      parseCertificate,
    ),
    ofText(
      {
        name: "a token, for the verifier",
        at: "verifier/src/jwt/compact.ts",
        samples: [JWT],
        isRefusal: isRefused,
        troubles: ["."],
      },
      readCompactJwt,
    ),
    ofBytes(
      {
        name: "JSON, for the verifier",
        at: "verifier/src/strict-json.ts",
        samples: [{ a: { b: [1, "c"] } }],
        isRefusal: isRefused,
        troubles: ["[", '{"a":', '{"a":"'],
      },
      (bytes) => parseJsonObject(bytes, "document"),
    ),
    ofText(
      {
        name: "a CI job's form",
        at: "sandbox/control-plane/exchange/http/token-request.ts",
        samples: [
          `grant_type=urn:ietf:params:oauth:grant-type:token-exchange&subject_token_type=urn:ietf:params:oauth:token-type:jwt&subject_token=${JWT}&scope=a b`,
        ],
        mostBytes: 16 * 1024,
        isRefusal: isExchangeRefusal,
      },
      readTokenRequest,
    ),
    ofText(
      {
        name: "a CI job's order",
        at: "sandbox/control-plane/exchange/http/build-request.ts",
        samples: [{ csr: "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----", ttl_s: 5 }],
        mostBytes: 16 * 1024,
        isRefusal: isExchangeRefusal,
      },
      readBuildRequest,
    ),
  ];
}

function statusOfManyAddresses(): Buffer {
  const many = Array.from({ length: 40_000 }, (_, at) => `100.64.${at >> 8}.${at & 255}`);
  const peer = { TailscaleIPs: many, AllowedIPs: many.map((one) => `${one}/24`) };
  return Buffer.from(JSON.stringify({ ...STATUS, Peer: { k: peer } }));
}
