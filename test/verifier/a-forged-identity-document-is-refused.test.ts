import { expect, it } from "vitest";
import type { Evidence } from "../../verifier/src/index.ts";
import { DAY_MS, NOW_MS } from "./authorities/clock.ts";
import type { Json } from "./authorities/issuer.ts";
import { signedAttributes } from "./authorities/signed-document.ts";
import {
  accept,
  awsOtherRegional,
  awsRegional,
  documents,
  evilSigner,
  instanceIdentity,
  OTHER_ACCOUNT,
  OTHER_INSTANCE_ID,
} from "./platforms.ts";
import { type Binding, outcome, Scene } from "./scene.ts";

const awsDocument = (changes: Json = {}): Json => ({ ...documents.aws(), ...changes });
const SIGNATURE_BYTES = 256;
const TSTINFO = "1.2.840.113549.1.9.16.1.4";

it.each<{ what: string; forge: (binding: Binding) => Promise<Evidence>; code: string }>([
  {
    what: "an identity document, signed by a forger who sends the genuine certificate first",
    forge: () => instanceIdentity(awsDocument(), { signer: evilSigner, bag: [awsRegional, evilSigner] }),
    code: "signature-invalid",
  },
  {
    what: "an identity document, signed by a forger who sends the genuine certificate last",
    forge: () => instanceIdentity(awsDocument(), { signer: evilSigner, bag: [evilSigner, awsRegional] }),
    code: "signature-invalid",
  },
  {
    what: "an identity document, signed by a forger in the name of the genuine certificate",
    forge: () =>
      instanceIdentity(awsDocument(), { signer: evilSigner, namedAs: awsRegional, bag: [awsRegional, evilSigner] }),
    code: "signature-invalid",
  },
  {
    what: "an identity document, signed for another region",
    forge: () => instanceIdentity(awsDocument(), { signer: awsOtherRegional, bag: [awsOtherRegional] }),
    code: "signature-invalid",
  },
  {
    what: "an identity document of a region without a certificate",
    forge: () => instanceIdentity(awsDocument({ region: "us-west-2" })),
    code: "not-allowed",
  },
  {
    what: "an identity document whose region is an object's own business",
    forge: () => instanceIdentity(awsDocument({ region: "constructor" })),
    code: "malformed",
  },
  {
    what: "an identity document with its content swapped",
    forge: () =>
      instanceIdentity(awsDocument(), {
        swapped: Buffer.from(JSON.stringify(awsDocument({ instanceId: OTHER_INSTANCE_ID }))),
      }),
    code: "signature-invalid",
  },
  {
    what: "a genuine signature beside another document",
    forge: async () =>
      ({
        ...(await instanceIdentity(awsDocument())),
        kind: "aws-instance-identity",
        document: Buffer.from(JSON.stringify(awsDocument({ instanceId: OTHER_INSTANCE_ID }))),
      }) as Evidence,
    code: "content-mismatch",
  },
  {
    what: "an identity document that is not in its signature",
    forge: () => instanceIdentity(awsDocument(), { isDetached: true }),
    code: "content-absent",
  },
  {
    what: "an identity document with two signers",
    forge: () => instanceIdentity(awsDocument(), { signers: 2 }),
    code: "signers-not-one",
  },
  {
    what: "an identity document with no signer",
    forge: () => instanceIdentity(awsDocument(), { signers: 0 }),
    code: "signers-not-one",
  },
  {
    what: "an identity document signed with SHA-1",
    forge: () => instanceIdentity(awsDocument(), { digest: "SHA-1" }),
    code: "algorithm-not-allowed",
  },
  {
    what: "an identity document that says it is a time stamp",
    forge: () => instanceIdentity(awsDocument(), { contentType: TSTINFO }),
    code: "malformed",
  },
  {
    what: "an identity document whose signature is for another type of content",
    forge: () => instanceIdentity(awsDocument(), { attributeType: TSTINFO }),
    code: "content-mismatch",
  },
  {
    what: "an identity document of another account",
    forge: () => instanceIdentity(awsDocument({ accountId: OTHER_ACCOUNT })),
    code: "not-allowed",
  },
  {
    what: "an identity document with a line break in the instance's name",
    forge: () => instanceIdentity(awsDocument({ instanceId: `${OTHER_INSTANCE_ID}\n` })),
    code: "malformed",
  },
  {
    what: "an identity document with its account twice",
    forge: () => instanceIdentity(JSON.stringify(awsDocument()).replace("{", `{"accountId":"${OTHER_ACCOUNT}",`)),
    code: "duplicate-key",
  },
  {
    what: "an identity document of a machine that started long ago",
    forge: () => instanceIdentity(documents.aws(NOW_MS - 15 * 60_000)),
    code: "expired",
  },
  {
    what: "an identity document of a machine that starts in two minutes",
    forge: () => instanceIdentity(documents.aws(NOW_MS + 180_000)),
    code: "not-yet-valid",
  },
  {
    what: "an identity document that is cut short",
    forge: async () => {
      const honest = await instanceIdentity(awsDocument());
      return honest.kind === "aws-instance-identity" ? { ...honest, signature: honest.signature.slice(0, -9) } : honest;
    },
    code: "malformed",
  },
  {
    what: "an identity document with bytes behind it",
    forge: async () => {
      const honest = await instanceIdentity(awsDocument());
      return honest.kind === "aws-instance-identity"
        ? { ...honest, signature: Buffer.concat([honest.signature, Buffer.alloc(9)]) }
        : honest;
    },
    code: "malformed",
  },
  {
    what: "an identity document of 20 KiB",
    forge: () => instanceIdentity(awsDocument({ pad: "x".repeat(20_000) })),
    code: "oversized",
  },
])("refuses $what: $code", async ({ forge, code }) => {
  const scene = new Scene(accept);
  expect(outcome(await scene.register(forge))).toBe(code);
});

it("takes an identity document whose content is in pieces, as AWS writes it", async () => {
  const scene = new Scene(accept);
  expect(outcome(await scene.register(() => instanceIdentity(documents.aws(), { isInPieces: true })))).toBe("verified");
});

it("takes no document with one bit of its content or its signature turned", { timeout: 120_000 }, async () => {
  const scene = new Scene(accept);
  const honest = await instanceIdentity(documents.aws());
  if (honest.kind !== "aws-instance-identity") throw new Error("this is no identity document");
  const { signature: whole, document } = honest;
  const content = Buffer.from(whole).indexOf(document);
  const places = [...range(content, document.length), ...range(whole.length - SIGNATURE_BYTES, SIGNATURE_BYTES)];
  const passed: number[] = [];
  for (const at of places) {
    const signature = Uint8Array.from(whole);
    signature[at] = (signature[at] ?? 0) ^ (1 << (at % 8));
    // The copy beside it is turned along: the signature alone shall decide.
    const copy = signature.slice(content, content + document.length);
    const verdict = await scene.register(() => ({ ...honest, document: copy, signature }));
    if (verdict.verdict === "verified") passed.push(at);
  }
  expect(content).toBeGreaterThan(0);
  expect(passed).toEqual([]);
});

it("refuses what AWS has signed where something else is signed: the attributes as a document", async () => {
  const scene = new Scene(accept);
  const honest = await instanceIdentity(documents.aws());
  if (honest.kind !== "aws-instance-identity") throw new Error("this is no identity document");
  const { attributes, signature } = signedAttributes(honest.signature);
  const stripped = await instanceIdentity("", {
    hasAttributes: false,
    swapped: attributes,
    signatureOfOthers: signature,
  });
  expect(outcome(await scene.register(() => stripped))).toBe("malformed");
});

it("asks the cloud and the registrations before an identity document counts", async () => {
  const policy = accept["aws-instance-identity"];
  if (policy === undefined) throw new Error("there is no policy");
  const register = (changes: Partial<typeof policy>, startedMs = NOW_MS) =>
    new Scene({ "aws-instance-identity": { ...policy, ...changes } })
      .register(() => instanceIdentity(documents.aws(startedMs)))
      .then(outcome);
  const own = await new Scene(accept).register(() => instanceIdentity(documents.aws()));
  const key = own.verdict === "verified" ? own.keySha256 : "";
  expect(await register({ isRunning: () => Promise.resolve(false) })).toBe("instance-not-running");
  expect(await register({ knownKey: () => Promise.resolve("00".repeat(32)) })).toBe("instance-already-registered");
  expect(await register({ knownKey: () => Promise.resolve(key) }, NOW_MS - 90 * DAY_MS)).toBe("verified");
});

function range(from: number, length: number): readonly number[] {
  return Array.from({ length }, (_, index) => from + index);
}
