import { encode } from "cbor2";
import { expect, it } from "vitest";
import type { Evidence } from "../../verifier/src/index.ts";
import type { Holder } from "./authorities/certificates.ts";
import { type Payload, sign1 } from "./authorities/nitro.ts";
import {
  accept,
  documents,
  evilSigner,
  INSTANCE_ID,
  nitroMiddle,
  nitroRoot,
  nitroSigner,
  nitroStranger,
  PCR4,
} from "./platforms.ts";
import { type Binding, outcome, Scene } from "./scene.ts";

const evidence = (document: Uint8Array): Evidence => ({ kind: "nitro-tpm", document });

/** The honest document with some of it changed; undefined takes a member away. */
const changed =
  (changes: Record<string, unknown>, signer: Holder = nitroSigner) =>
  (binding: Binding): Evidence => {
    const payload: Payload = documents.nitro(binding);
    for (const [name, value] of Object.entries(changes)) {
      if (value === undefined) payload.delete(name);
      else payload.set(name, value);
    }
    return evidence(sign1(payload, signer));
  };

const pcrs = (four: string, twelve = "00".repeat(48)) =>
  new Map([
    [4, Uint8Array.from(Buffer.from(four, "hex"))],
    [12, Uint8Array.from(Buffer.from(twelve, "hex"))],
  ]);

it("names the image, and no instance", async () => {
  const verdict = await new Scene(accept).register(changed({}));
  expect(verdict).toMatchObject({ image: "builder-7", instance: undefined, moduleId: `${INSTANCE_ID}-tpm0123` });
});

it("takes a document without CBOR's tag", async () => {
  const scene = new Scene(accept);
  const verdict = await scene.register((b) => evidence(sign1(documents.nitro(b), nitroSigner, { isTagged: false })));
  expect(outcome(verdict)).toBe("verified");
});

it.each<{ what: string; forge: (binding: Binding) => Evidence; code: string }>([
  { what: "of another image", forge: changed({ nitrotpm_pcrs: pcrs("b4".repeat(48)) }), code: "image-not-expected" },
  {
    what: "of another command line",
    forge: changed({ nitrotpm_pcrs: pcrs(PCR4, "01".repeat(48)) }),
    code: "image-not-expected",
  },
  { what: "with no measurement", forge: changed({ nitrotpm_pcrs: new Map() }), code: "image-not-expected" },
  { what: "with measurements by SHA-1", forge: changed({ digest: "SHA1" }), code: "malformed" },
  { what: "without measurements", forge: changed({ nitrotpm_pcrs: undefined }), code: "malformed" },
  {
    what: "of an enclave, whose measurements have another name",
    forge: changed({ nitrotpm_pcrs: undefined, pcrs: pcrs(PCR4) }),
    code: "malformed",
  },
  {
    what: "that nobody has signed",
    forge: (b) => evidence(tamper(sign1(documents.nitro(b), nitroSigner), -1)),
    code: "signature-invalid",
  },
  { what: "signed by somebody else", forge: changed({}, nitroStranger), code: "signature-invalid" },
  {
    what: "of a root of its own",
    forge: changed({ certificate: nitroStranger.der, cabundle: [nitroStranger.der] }, nitroStranger),
    code: "signer-untrusted",
  },
  {
    what: "of a certificate of somebody else",
    forge: changed({ certificate: evilSigner.der }),
    code: "signer-untrusted",
  },
  { what: "without the authority between", forge: changed({ cabundle: [nitroRoot.der] }), code: "signer-untrusted" },
  {
    what: "signed by an authority itself, for another",
    forge: changed({ certificate: nitroMiddle.der }),
    code: "signer-untrusted",
  },
  { what: "with a certificate that is none", forge: changed({ certificate: new Uint8Array(9) }), code: "malformed" },
  {
    what: "with a hundred authorities",
    forge: changed({ cabundle: Array.from({ length: 9 }, () => nitroMiddle.der.slice(0, 9)) }),
    code: "malformed",
  },
  {
    what: "in an algorithm that is not taken",
    forge: (b) => evidence(sign1(documents.nitro(b), nitroSigner, { algorithm: -7 })),
    code: "algorithm-not-allowed",
  },
  { what: "without a nonce", forge: changed({ nonce: undefined }), code: "malformed" },
  { what: "with half a nonce", forge: changed({ nonce: new Uint8Array(16) }), code: "nonce-mismatch" },
  { what: "without a key", forge: changed({ public_key: null }), code: "malformed" },
  { what: "with another key", forge: changed({ public_key: new Uint8Array(91) }), code: "key-mismatch" },
  { what: "without a time", forge: changed({ timestamp: undefined }), code: "time-missing" },
  { what: "whose time is a text", forge: changed({ timestamp: "now" }), code: "time-missing" },
  { what: "whose module is a path", forge: changed({ module_id: "../i-0" }), code: "malformed" },
  {
    what: "that is not there",
    forge: () => evidence(encode([encode(new Map([[1, -35]])), new Map(), null, new Uint8Array(96)])),
    code: "content-absent",
  },
  { what: "that is a text", forge: () => evidence(encode("attested")), code: "malformed" },
  { what: "that is empty", forge: () => evidence(new Uint8Array()), code: "malformed" },
  {
    what: "that is cut short",
    forge: (b) => evidence(sign1(documents.nitro(b), nitroSigner).slice(0, -5)),
    code: "malformed",
  },
  { what: "that is nested without end", forge: () => evidence(new Uint8Array(9_000).fill(0x81)), code: "malformed" },
  {
    what: "that claims to be enormous",
    forge: () => evidence(Uint8Array.of(0x9b, 0, 0, 0, 1, 0, 0, 0, 0)),
    code: "malformed",
  },
  {
    what: "with a key twice in its header",
    forge: (b) => {
      const document = sign1(documents.nitro(b), nitroSigner);
      // d2 84 44 a1 01 38 22: the tag, the list of four, four bytes, the map of one.
      return evidence(Buffer.concat([Buffer.from("d28447a2013822013822", "hex"), document.slice(7)]));
    },
    code: "duplicate-key",
  },
])("refuses a document $what: $code", async ({ forge, code }) => {
  expect(outcome(await new Scene(accept).register(forge))).toBe(code);
});

it("knows no image where none is configured", async () => {
  const roots = [nitroRoot.pem];
  for (const images of [[], [{ name: "any", pcrs: {} }]])
    expect(outcome(await new Scene({ "nitro-tpm": { roots, images } }).register(changed({})))).toBe(
      "image-not-expected",
    );
});

function tamper(bytes: Uint8Array, at: number): Uint8Array {
  const copy = Uint8Array.from(bytes);
  const index = at < 0 ? copy.length + at : at;
  copy[index] = (copy[index] ?? 0) ^ 1;
  return copy;
}
