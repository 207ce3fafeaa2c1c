import { Metadata } from "@grpc/grpc-js";
import { AttachResponse } from "../../../agent/adapters/grpc/gen/builder/agent/v1/builder_agent.ts";
import { planeErrorFrom, planeTimeOf } from "../../../agent/adapters/grpc/grpc-error.ts";
import { messageFromPlane } from "../../../agent/adapters/grpc/message-from-plane.ts";
import { caDates } from "../../../agent/adapters/keys/ca-dates.ts";
import { readDates } from "../../../agent/adapters/keys/certificate-reader.ts";
import { certificateForm } from "../../../agent/adapters/x509/certificate-form.ts";
import { nodePeerReader } from "../../../agent/adapters/x509/peer-reader.ts";
import { uriSans } from "../../../agent/adapters/x509/uri-sans.ts";
import { asn1Element } from "../../../agent/core/asn1-element.ts";
import { parseBuildUri } from "../../../agent/core/build-identity.ts";
import { CONTRACT_LIMITS } from "../../../agent/core/contract-limits.ts";
import { mirrorHosts } from "../../../agent/core/network/mirrors.ts";
import { isOtlpEndpoint, tracePlan } from "../../../agent/core/traces/target.ts";
import { desiredProto } from "../../plane/desired-sample.ts";
import { ofBytes, ofText, type Parser } from "../parser.ts";
import { type Certified, withoutKey } from "../samples.ts";

const MESSAGE_MAX_BYTES = CONTRACT_LIMITS.messageBytes;
/** Of two bytes each, in a message that says how long it is. */
const EIGHT_MILLION_BUILDS = Buffer.concat([
  Buffer.from([0x0a, 0x80, 0x80, 0x80, 0x07]),
  Buffer.alloc(7 * 2 ** 21, Buffer.from([0x32, 0])),
]);

/** What a control plane says that may be anybody's by now. */
export function fromTheControlPlane({ certPem, caPem, certDer, caDer, spkiSha256 }: Certified): readonly Parser[] {
  const desired = AttachResponse.encode({ message: { $case: "desired", value: desiredProto(caPem) } }).finish();
  return [
    ofBytes(
      {
        name: "desired state",
        at: [
          "agent/adapters/grpc/message-from-plane.ts",
          "agent/adapters/grpc/short-texts.ts",
          "agent/adapters/grpc/trust-from-proto.ts",
          "agent/adapters/grpc/debug-grants-from-proto.ts",
        ],
        samples: [
          desired,
          AttachResponse.encode({
            message: { $case: "recordsAck", value: { bootId: "b", upToSequence: 3n } },
          }).finish(),
        ],
        mostBytes: MESSAGE_MAX_BYTES,
        troubles: ["\x0a\x00", "\x22\x00", "\x32\x02\x0a\x00", "\x0b", EIGHT_MILLION_BUILDS],
      },
      messageFromPlane,
    ),
    ofText(
      {
        name: "status and trailers of a failed call",
        at: "agent/adapters/grpc/grpc-error.ts",
        samples: [
          "No connection established. Last error: Error: connect ECONNREFUSED 192.0.2.1:443. Resolution note: none",
          "Received HTTP status code 502",
          "builder-agent-refusal",
        ],
        troubles: ["Resolution note: ", "No connection established. Last error: "],
      },
      (words) => {
        const metadata = new Metadata();
        const value = words.replaceAll(/[^ -~]/g, "?").trim();
        for (const key of [
          "builder-agent-refusal",
          "builder-agent-retry-after-ms",
          "builder-agent-time-ms",
          "content-type",
        ])
          metadata.add(key, value);
        planeTimeOf(metadata);
        return planeErrorFrom("Register", Object.assign(new Error(words), { code: 14, details: words, metadata }));
      },
    ),
    ofText(
      {
        name: "a certificate chain that was issued",
        at: ["agent/adapters/keys/certificate-reader.ts", "agent/core/pem.ts"],
        samples: [certPem, certPem + caPem],
        troubles: [
          Buffer.from(withoutKey(certDer)),
          "-----BEGIN CERTIFICATE-----",
          "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        ],
      },
      (pem) => readDates(pem, { spkiSha256 }),
    ),
    ofText(
      { name: "CAs of the trust bundle", at: "agent/adapters/keys/ca-dates.ts", samples: [caPem, caPem + caPem] },
      caDates,
    ),
    ofText(
      { name: "a CA as the gateway takes it", at: "agent/adapters/x509/peer-reader.ts", samples: [caPem, certPem] },
      (pem) => nodePeerReader().readCa(pem),
    ),
    ofBytes(
      {
        name: "a peer's certificate",
        at: ["agent/adapters/x509/peer-reader.ts", "agent/adapters/x509/issued-by-twin.ts"],
        samples: [certDer, caDer],
      },
      (der) => {
        const reader = nodePeerReader();
        reader.read(der);
        const ca = reader.readCa(caPem);
        reader.anchor([der, caDer], [ca]);
        return reader.issuedByTwin(der, [ca, reader.readCa(caPem)], 0);
      },
    ),
    ofBytes(
      {
        name: "a certificate's extensions",
        at: "agent/adapters/x509/certificate-form.ts",
        samples: [certDer, caDer],
        isRefusal: (failure) => failure instanceof RangeError && !failure.message.includes("call stack"),
      },
      certificateForm,
    ),
    ofBytes(
      {
        name: "an element of ASN.1",
        at: "agent/core/asn1-element.ts",
        samples: [certDer, caDer],
        troubles: ["\x30\x80", "\x30\x00"],
      },
      (der) => asn1Element(der),
    ),
    ofText(
      {
        name: "alternative names",
        at: "agent/adapters/x509/uri-sans.ts",
        samples: ['URI:spiffe://builds.example/org/a, DNS:a, URI:"a\\u002cb"'],
        troubles: ['URI:"'],
      },
      uriSans,
    ),
    ofText(
      {
        name: "a build's name",
        at: "agent/core/build-identity.ts",
        samples: ["spiffe://builds.example/org/acme/project/app/build/b-1"],
      },
      (uri) => parseBuildUri(uri, "builds.example"),
    ),
    ofText(
      {
        name: "where traces go",
        at: "agent/core/traces/target.ts",
        samples: ["https://otlp.example:4318/base", "https://[::1]/", "http://a"],
      },
      (otlpEndpoint) => {
        isOtlpEndpoint(otlpEndpoint);
        return tracePlan({ sessionPercent: 1 }, { otlpEndpoint, headers: new Map(), sessionPercent: 5 });
      },
    ),
    ofText(
      {
        name: "registry mirrors",
        at: "agent/core/network/mirrors.ts",
        samples: ["mirror.example:5000", "[::1]:5000", "docker.io/path"],
      },
      (host) => mirrorHosts(new Map([["docker.io", [host, host]]])),
    ),
  ];
}
