import { encode } from "cbor2";
import * as fc from "fast-check";
import { expect, it, vi } from "vitest";
import { asn1Element } from "../../agent/core/asn1-element.ts";
import type { Evidence, Identity, Nonces, Refusal } from "../../verifier/src/index.ts";
import type { Json } from "./authorities/issuer.ts";
import { type Payload, sign1 } from "./authorities/nitro.ts";
import { tlv } from "./openssl/asn1.ts";
import {
  accept,
  attestedDocument,
  awsIssuer,
  claims,
  documents,
  evilSigner,
  google,
  instanceIdentity,
  nitroSigner,
  nitroStranger,
  stranger,
} from "./platforms.ts";
import { type Machine, Scene } from "./scene.ts";

/** Of each of the 18 promises: 24 every day, 400 by `npm run test:evidence`. */
const RUNS = Math.ceil(Number(process.env["BUILDER_AGENT_MUTATIONS"] ?? 600) / 25);
/** A failure names it: BUILDER_AGENT_SEED has the same again. */
const SEED = Number(process.env["BUILDER_AGENT_SEED"] ?? Date.now() % 2 ** 31);

const anyNonce: Nonces = {
  give: () => Promise.resolve({ nonce: new Uint8Array(32).fill(7), expiresAtMs: Number.POSITIVE_INFINITY }),
  consume: () => Promise.resolve("consumed"),
};
const scene = new Scene(accept, { nonces: anyNonce, spent: { spend: () => Promise.resolve(true) } });
const machine: Machine = await scene.challenge();
const verdictOf = async (evidence: Evidence | Promise<Evidence>) => scene.verify(await evidence, machine);

vi.setConfig({ testTimeout: 600_000 });

type Verdict = Identity | Refusal;
const isIdentity = (verdict: Verdict, identity: Verdict) => JSON.stringify(verdict) === JSON.stringify(identity);

/** Runs it until one fails; the message has the seed and the smallest failure. */
function holds<T>(arbitrary: fc.Arbitrary<T>, promise: (value: T) => Promise<void>): Promise<void> {
  return fc.assert(fc.asyncProperty(arbitrary, promise), { numRuns: RUNS, seed: SEED });
}

/** One edit of an element somewhere in a document of ASN.1. */
interface Asn1Edit {
  /** Which element, counted through all of them. */
  readonly at: number;
  readonly how: "tag" | "drop" | "twice" | "swap" | "long length" | "no length" | "empty" | "wrap" | "hollow";
  readonly tag: number;
}

const asn1Edit: fc.Arbitrary<Asn1Edit> = fc.record({
  at: fc.nat(),
  how: fc.constantFrom("tag", "drop", "twice", "swap", "long length", "no length", "empty", "wrap", "hollow"),
  tag: fc.constantFrom(0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x0c, 0x24, 0x30, 0x31, 0x80, 0xa0, 0xa1, 0x3f),
});

const honest = {
  aws: await instanceIdentity(documents.aws()),
  awsInPieces: await instanceIdentity(documents.aws(), { isInPieces: true }),
  azure: await attestedDocument(documents.azure(machine)),
};

it.each(Object.entries(honest))(
  "takes no edit of ASN.1 for another machine, and crashes at none: %s",
  async (_name, evidence) => {
    const identity = await verdictOf(evidence);
    expect(identity.verdict).toBe("verified");
    await holds(fc.array(asn1Edit, { minLength: 1, maxLength: 3 }), async (edits) => {
      const edited = (der: Uint8Array) => edits.reduce(editedAsn1, der);
      const mutant: Evidence =
        evidence.kind === "azure"
          ? { ...evidence, pkcs7: edited(evidence.pkcs7) }
          : evidence.kind === "aws-instance-identity"
            ? { ...evidence, signature: edited(evidence.signature) }
            : evidence;
      const verdict = await verdictOf(mutant);
      expect(verdict.verdict === "refused" || isIdentity(verdict, identity)).toBe(true);
    });
  },
);

/** The certificate of an authority between, and the request, are read before anything is proved. */
it("crashes at no edit of a certificate or a request", async () => {
  const evidence = honest.azure;
  if (evidence.kind !== "azure") throw new Error(evidence.kind);
  const identity = await verdictOf(evidence);
  await holds(fc.array(asn1Edit, { minLength: 1, maxLength: 3 }), async (edits) => {
    const edited = (der: Uint8Array) => edits.reduce(editedAsn1, der);
    const [middle = new Uint8Array()] = evidence.intermediates;
    for (const verdict of [
      await verdictOf({ ...evidence, intermediates: [edited(middle)] }),
      await scene.verify(evidence, { ...machine, csr: edited(machine.csr) }),
    ])
      expect(verdict.verdict === "refused" || isIdentity(verdict, identity)).toBe(true);
  });
});

/** How the same JSON may be written: names in any order, spaces, letters as escapes. */
const spelling = fc.record({
  order: fc.array(fc.nat(), { maxLength: 12 }),
  escapes: fc.array(fc.boolean()),
  space: fc.boolean(),
});
type Spelling = typeof spelling extends fc.Arbitrary<infer T> ? T : never;

interface Written {
  readonly name: string;
  readonly honest: Json;
  readonly genuine: (text: string) => Evidence | Promise<Evidence>;
  readonly forged: (text: string) => Evidence | Promise<Evidence>;
}

const written: readonly Written[] = [
  {
    name: "an identity document",
    honest: documents.aws(),
    genuine: (text) => instanceIdentity(text),
    forged: (text) => instanceIdentity(text, { signer: evilSigner, bag: [evilSigner] }),
  },
  {
    name: "an attested document",
    honest: documents.azure(machine),
    genuine: (text) => attestedDocument(text),
    forged: (text) => attestedDocument(text, { signer: evilSigner, bag: [evilSigner] }),
  },
  {
    name: "a token of Google",
    honest: claims.gcp(machine),
    genuine: (text) => ({ kind: "gcp", jwt: google.tokenOf(text) }),
    forged: (text) => ({ kind: "gcp", jwt: stranger.tokenOf(text, { kid: google.kid }) }),
  },
  {
    name: "a token of AWS",
    honest: claims.aws(machine),
    genuine: (text) => ({ kind: "aws-web-identity", jwt: awsIssuer.tokenOf(text) }),
    forged: (text) => ({ kind: "aws-web-identity", jwt: stranger.tokenOf(text, { kid: awsIssuer.kid }) }),
  },
];

it.each(written)(
  "reads $name the same however it is spelled, and takes no forger's",
  async ({ honest, genuine, forged }) => {
    const identity = await verdictOf(genuine(JSON.stringify(honest)));
    expect(identity.verdict).toBe("verified");
    await holds(spelling, async (how) => {
      const text = spelled(honest, how);
      expect(await verdictOf(genuine(text))).toEqual(identity);
      expect((await verdictOf(forged(text))).verdict).toBe("refused");
    });
  },
);

it.each(written)("refuses $name with any name twice, however it is spelled", async ({ honest, genuine }) => {
  await holds(fc.tuple(spelling, fc.nat(), fc.jsonValue({ maxDepth: 2 })), async ([how, chosen, value]) => {
    const names = Object.keys(honest);
    const name = names[chosen % names.length] ?? "";
    const first = `{${escaped(name, how.escapes)}:${JSON.stringify(value)},`;
    const text = spelled(honest, how).replace("{", () => first);
    expect(await verdictOf(genuine(text))).toMatchObject({ verdict: "refused", code: "duplicate-key" });
  });
});

it.each(written)("takes $name for no other machine, whatever one of its values is", async ({ honest, genuine }) => {
  const identity = await verdictOf(genuine(JSON.stringify(honest)));
  await holds(fc.tuple(fc.nat(), fc.jsonValue({ maxDepth: 2 })), async ([chosen, value]) => {
    const names = Object.keys(honest);
    const name = names[chosen % names.length] ?? "";
    const verdict = await verdictOf(genuine(JSON.stringify({ ...honest, [name]: value })));
    expect(verdict.verdict === "refused" || isIdentity(verdict, identity)).toBe(true);
  });
});

/** What CBOR may hold in the place of a member of a NitroTPM's document. */
const cborValue = fc.oneof(
  fc.constantFrom<unknown>(null, undefined, true, Number.NaN, Number.POSITIVE_INFINITY, -1, 2n ** 70n, ""),
  fc.uint8Array({ maxLength: 100 }),
  fc.string(),
  fc.array(fc.uint8Array({ maxLength: 10 }), { maxLength: 9 }),
  fc.dictionary(fc.string(), fc.nat()).map((object) => new Map(Object.entries(object))),
  fc.double(),
);

it("takes no edit of a NitroTPM's document for another image, signed by whomever", async () => {
  const payload = documents.nitro(machine);
  const names = [...payload.keys(), "pcrs", "constructor"];
  const proved = (edited: Payload, by = nitroSigner) => verdictOf({ kind: "nitro-tpm", document: sign1(edited, by) });
  const identity = await proved(payload);
  expect(identity.verdict).toBe("verified");
  await holds(fc.array(fc.tuple(fc.nat(), cborValue), { minLength: 1, maxLength: 3 }), async (edits) => {
    const edited = new Map(
      edits.reduce((map, [at, value]) => map.set(names[at % names.length] ?? "", value), new Map(payload)),
    );
    const verdict = await proved(edited);
    // Another module's name is no lie where its own authority has signed it.
    expect(verdict.verdict === "refused" || ("image" in verdict && verdict.image === "builder-7")).toBe(true);
    expect((await proved(edited, nitroStranger)).verdict).toBe("refused");
  });
});

it("takes a NitroTPM's members in any order, and none of them twice", async () => {
  const payload = [...documents.nitro(machine)];
  const identity = await verdictOf({ kind: "nitro-tpm", document: sign1(new Map(payload), nitroSigner) });
  await holds(
    fc.tuple(fc.shuffledSubarray(payload, { minLength: payload.length }), fc.nat()),
    async ([members, chosen]) => {
      expect(await verdictOf({ kind: "nitro-tpm", document: sign1(new Map(members), nitroSigner) })).toEqual(identity);
      const twice = [...members, members[chosen % members.length] ?? ["", ""]] as const;
      // A map of so many pairs, written by hand: no writer of CBOR writes one with a key twice.
      const body = Buffer.concat([Buffer.of(0xa0 + twice.length), ...twice.flat().map((one) => encode(one))]);
      const document = encode([encode(new Map([[1, -35]])), new Map(), Uint8Array.from(body), new Uint8Array(96)]);
      expect(await verdictOf({ kind: "nitro-tpm", document })).toMatchObject({ code: "duplicate-key" });
    },
  );
});

/** The document with one element of it edited; as it was, where there is no such element. */
function editedAsn1(bytes: Uint8Array, { at, how, tag }: Asn1Edit): Uint8Array {
  const places = elementsIn(bytes, 0, bytes.length);
  const place = places[at % Math.max(1, places.length)];
  const element = place === undefined ? undefined : asn1Element(bytes, place);
  if (place === undefined || element === undefined) return bytes;
  const whole = bytes.slice(place, element.end);
  const next = asn1Element(bytes, element.end);
  const [before, after] = [bytes.slice(0, place), bytes.slice(element.end)];
  const join = (...middle: readonly Uint8Array[]) => Uint8Array.from(Buffer.concat([before, ...middle, after]));
  const long = Buffer.from([element.tag, 0x84, 0, 0, element.content.length >> 8, element.content.length & 0xff]);
  switch (how) {
    case "tag":
      return join(Uint8Array.from([tag, ...whole.slice(1)]));
    case "drop":
      return join();
    case "twice":
      return join(whole, whole);
    case "swap":
      return next === undefined
        ? bytes
        : Uint8Array.from(Buffer.concat([before, bytes.slice(element.end, next.end), whole, bytes.slice(next.end)]));
    case "long length":
      return join(long, element.content);
    case "no length":
      return join(Uint8Array.from([element.tag, 0x80]), element.content, new Uint8Array(2));
    case "empty":
      return join(Uint8Array.from([element.tag, 0]));
    case "wrap":
      return join(tlv(tag, whole));
    case "hollow":
      return join(element.content);
    default:
      return how satisfies never;
  }
}

/** Where elements begin, at any depth. */
function elementsIn(bytes: Uint8Array, from: number, to: number): readonly number[] {
  const found: number[] = [];
  for (let at = from; at < to; ) {
    const element = asn1Element(bytes, at);
    if (element === undefined || element.end > to) break;
    found.push(at);
    const begin = element.content.byteOffset - bytes.byteOffset;
    if ((element.tag & 0x20) !== 0) found.push(...elementsIn(bytes, begin, begin + element.content.length));
    at = element.end;
  }
  return found;
}

/** The same value as JSON.stringify writes, spelled otherwise. */
function spelled(value: unknown, { order, escapes, space }: Spelling): string {
  if (typeof value === "string") return escaped(value, escapes);
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const gap = space ? " \n\t" : "";
  if (Array.isArray(value))
    return `[${gap}${value.map((one) => spelled(one, { order, escapes, space })).join(`,${gap}`)}]`;
  const entries = Object.entries(value).filter(([, one]) => one !== undefined);
  for (const [at, to] of order.entries())
    if (entries.length > 0) entries.splice(to % entries.length, 0, ...entries.splice(at % entries.length, 1));
  const members = entries.map(
    ([name, one]) => `${escaped(name, escapes)}${gap}:${spelled(one, { order, escapes, space })}`,
  );
  return `{${gap}${members.join(`${gap},`)}}`;
}

function escaped(text: string, escapes: readonly boolean[]): string {
  const letters = [...text].map((letter, at) =>
    escapes[at % Math.max(1, escapes.length)] === true && letter.length === 1
      ? `\\u${letter.charCodeAt(0).toString(16).padStart(4, "0")}`
      : JSON.stringify(letter).slice(1, -1),
  );
  return `"${letters.join("")}"`;
}
