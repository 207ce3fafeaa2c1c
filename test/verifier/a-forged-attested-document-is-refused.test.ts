import { expect, it } from "vitest";
import type { Evidence } from "../../verifier/src/index.ts";
import { certify, makeKeys, SHORT_RSA } from "./authorities/certificates.ts";
import { DAY_MS, NOW_MS } from "./authorities/clock.ts";
import type { Json } from "./authorities/issuer.ts";
import {
  accept,
  attestedDocument,
  azureMiddle,
  azureRoot,
  azureSigner,
  documents,
  evilKeys,
  evilSigner,
} from "./platforms.ts";
import { type Binding, outcome, Scene } from "./scene.ts";

/** Holds what a forger can have: a certificate of an honest authority for a name of his own. */
const named = (dns: readonly string[]) =>
  certify({ name: "metadata.azure.com", keys: evilKeys, issuer: azureMiddle, dns });
const shortKeys = await makeKeys(SHORT_RSA);
const forged = {
  tail: await named(["metadata.azure.com.evil.io"]),
  front: await named(["evilmetadata.azure.com"]),
  deep: await named(["a.b.metadata.azure.com"]),
  wide: await named(["*.azure.com"]),
  nobody: await named([]),
  short: await certify({
    name: "metadata.azure.com",
    keys: shortKeys,
    issuer: azureMiddle,
    dns: ["metadata.azure.com"],
  }),
  expired: await certify({
    name: "metadata.azure.com",
    keys: evilKeys,
    issuer: azureMiddle,
    dns: ["metadata.azure.com"],
    notAfter: new Date(NOW_MS - DAY_MS),
  }),
  future: await certify({
    name: "metadata.azure.com",
    keys: evilKeys,
    issuer: azureMiddle,
    dns: ["metadata.azure.com"],
    notBefore: new Date(NOW_MS + DAY_MS),
  }),
  weak: await certify({
    name: "metadata.azure.com",
    keys: evilKeys,
    issuer: azureMiddle,
    dns: ["metadata.azure.com"],
    digest: "SHA-1",
  }),
  /** Certified by a certificate that may certify nobody. */
  byLeaf: await certify({
    name: "metadata.azure.com",
    keys: evilKeys,
    issuer: azureSigner,
    dns: ["metadata.azure.com"],
  }),
  /** Its serial number and issuer are the genuine signer's. */
  twin: await certify({
    name: "metadata.azure.com",
    keys: evilKeys,
    issuer: { ...evilSigner, certificate: azureMiddle.certificate },
    dns: ["metadata.azure.com"],
    serial: azureSigner.certificate.serialNumber,
  }),
};
/** An authority that may not have another below it, and one that it has made all the same. */
const below = await certify({ name: "Test Sub CA", keys: evilKeys, issuer: azureMiddle, isCa: true });
const deepLeaf = await certify({
  name: "metadata.azure.com",
  keys: evilKeys,
  issuer: below,
  dns: ["metadata.azure.com"],
});
/** An honest authority with a key of 1024 bits. */
const shortMiddle = await certify({ name: "Test Short CA", keys: shortKeys, issuer: azureRoot, isCa: true });
const shortLeaf = await certify({
  name: "metadata.azure.com",
  keys: evilKeys,
  issuer: shortMiddle,
  dns: ["metadata.azure.com"],
});
/** Two that certify each other, and no root. */
const ping = await certify({ name: "Ping", keys: evilKeys, isCa: true });
const pong = await certify({ name: "Pong", keys: evilKeys, issuer: ping, isCa: true });
const pingOfPong = await certify({ name: "Ping", keys: evilKeys, issuer: pong, isCa: true });
const loopLeaf = await certify({
  name: "metadata.azure.com",
  keys: evilKeys,
  issuer: pong,
  dns: ["metadata.azure.com"],
});

const azureDocument = (binding: Binding, changes: Json = {}): Json => ({ ...documents.azure(binding), ...changes });

it.each<{ what: string; forge: (binding: Binding) => Promise<Evidence>; code: string }>([
  {
    what: "an attested document, signed by a forger who sends the genuine certificate first",
    forge: (b) => attestedDocument(azureDocument(b), { signer: evilSigner, bag: [azureSigner, evilSigner] }),
    code: "signer-untrusted",
  },
  {
    what: "an attested document, signed by a forger who sends the genuine certificate last",
    forge: (b) => attestedDocument(azureDocument(b), { signer: evilSigner, bag: [evilSigner, azureSigner] }),
    code: "signer-untrusted",
  },
  {
    what: "an attested document, signed by a forger in the name of the genuine certificate",
    forge: (b) => attestedDocument(azureDocument(b), { signer: evilSigner, namedAs: azureSigner }),
    code: "signature-invalid",
  },
  {
    what: "an attested document, signed by a twin of the genuine certificate",
    forge: (b) => attestedDocument(azureDocument(b), { signer: forged.twin, bag: [forged.twin, azureSigner] }),
    code: "signer-untrusted",
  },
  {
    what: "an attested document with its content swapped",
    forge: (b) =>
      attestedDocument(azureDocument(b), { swapped: Buffer.from(JSON.stringify(azureDocument(b, { sku: "x" }))) }),
    code: "signature-invalid",
  },
  {
    what: "an attested document that is not in its signature",
    forge: (b) => attestedDocument(azureDocument(b), { isDetached: true }),
    code: "content-absent",
  },
  {
    what: "an attested document with two signers",
    forge: (b) => attestedDocument(azureDocument(b), { signers: 2 }),
    code: "signers-not-one",
  },
  {
    what: "an attested document signed with SHA-1",
    forge: (b) => attestedDocument(azureDocument(b), { digest: "SHA-1", hasQuirk: false }),
    code: "algorithm-not-allowed",
  },
  {
    what: "an attested document signed with SHA-1 that says otherwise",
    forge: (b) => attestedDocument(azureDocument(b), { digest: "SHA-1", hasQuirk: true }),
    code: "algorithm-not-allowed",
  },
  ...(
    [
      ["metadata.azure.com.evil.io", forged.tail],
      ["evilmetadata.azure.com", forged.front],
      ["a.b.metadata.azure.com", forged.deep],
      ["*.azure.com", forged.wide],
      ["nobody", forged.nobody],
    ] as const
  ).map(([name, signer]) => ({
    what: `an attested document, signed by an honest certificate for ${name}`,
    forge: (b: Binding) => attestedDocument(azureDocument(b), { signer, bag: [signer] }),
    code: "signer-name",
  })),
  {
    what: "an attested document, signed with a key of 1024 bits",
    forge: (b) => attestedDocument(azureDocument(b), { signer: forged.short, bag: [forged.short] }),
    code: "key-weak",
  },
  ...(
    [
      ["has expired", forged.expired],
      ["is not valid yet", forged.future],
      ["a signer has certified", forged.byLeaf],
    ] as const
  ).map(([what, signer]) => ({
    what: `an attested document whose certificate ${what}`,
    forge: (b: Binding) => attestedDocument(azureDocument(b), { signer, bag: [signer, azureSigner] }),
    code: "signer-untrusted",
  })),
  {
    what: "an attested document of an authority with a key of 1024 bits",
    forge: (b) => attestedDocument(azureDocument(b), { signer: shortLeaf, bag: [shortLeaf] }, [shortMiddle]),
    code: "key-weak",
  },
  {
    what: "an attested document of an authority below one that may have none",
    forge: (b) => attestedDocument(azureDocument(b), { signer: deepLeaf, bag: [deepLeaf] }, [below, azureMiddle]),
    code: "signer-untrusted",
  },
  {
    what: "an attested document whose authorities certify each other",
    forge: (b) => attestedDocument(azureDocument(b), { signer: loopLeaf, bag: [loopLeaf] }, [pong, pingOfPong]),
    code: "signer-untrusted",
  },
  {
    what: "an attested document with a root of its own",
    forge: (b) => attestedDocument(azureDocument(b), { signer: loopLeaf, bag: [loopLeaf] }, [pong, ping]),
    code: "signer-untrusted",
  },
  {
    what: "an attested document without the authority between",
    forge: (b) => attestedDocument(azureDocument(b), {}, []),
    code: "signer-untrusted",
  },
  {
    what: "an attested document with an authority that is none",
    forge: async (b) => {
      const honest = await attestedDocument(azureDocument(b));
      return honest.kind === "azure" ? { ...honest, intermediates: [Buffer.from("no certificate")] } : honest;
    },
    code: "malformed",
  },
  {
    what: "an attested document of another subscription",
    forge: (b) => attestedDocument(azureDocument(b, { subscriptionId: "00000000-0000-4000-8000-000000000000" })),
    code: "not-allowed",
  },
  {
    what: "an attested document of a VM whose id is a path",
    forge: (b) => attestedDocument(azureDocument(b, { vmId: "../../../etc/passwd" })),
    code: "malformed",
  },
  {
    what: "an attested document with another nonce",
    forge: (b) => attestedDocument(azureDocument(b, { nonce: "1234567890" })),
    code: "binding-mismatch",
  },
  {
    what: "an attested document of a day that does not exist",
    forge: (b) =>
      attestedDocument(
        azureDocument(b, { timeStamp: { createdOn: "13/41/26 12:00:00 -0000", expiresOn: "13/41/26 12:00:00 -0000" } }),
      ),
    code: "malformed",
  },
  {
    what: "an attested document without a time",
    forge: (b) => attestedDocument(azureDocument(b, { timeStamp: undefined })),
    code: "malformed",
  },
  {
    what: "an attested document with its VM twice",
    forge: (b) => attestedDocument(JSON.stringify(azureDocument(b)).replace("{", '{"vmId":"x",')),
    code: "duplicate-key",
  },
  {
    what: "an attested document that is no JSON",
    forge: () => attestedDocument("<html>"),
    code: "malformed",
  },
])("refuses $what: $code", async ({ forge, code }) => {
  const scene = new Scene(accept);
  expect(outcome(await scene.register(forge))).toBe(code);
});

it("takes an attested document alone where the authority between is configured", async () => {
  if (accept.azure === undefined) throw new Error("there is no policy");
  const scene = new Scene({ azure: { ...accept.azure, intermediates: [azureMiddle.pem] } });
  expect(outcome(await scene.register((b) => attestedDocument(documents.azure(b), {}, [])))).toBe("verified");
});

it("blames no evidence for a certificate of the configuration that cannot be read", async () => {
  if (accept.azure === undefined) throw new Error("there is no policy");
  const scene = new Scene({ azure: { ...accept.azure, roots: ["no PEM"] } });
  const verifying = scene.register((b) => attestedDocument(documents.azure(b)));
  await expect(verifying).rejects.toThrow("A certificate of the configuration cannot be read");
});

it("refuses an attested document whose certificate is signed with SHA-1", async () => {
  const making = { signer: forged.weak, bag: [forged.weak] };
  const verdict = await new Scene(accept).register((b) => attestedDocument(documents.azure(b), making));
  expect(outcome(verdict)).toBe("algorithm-not-allowed");
});

it("takes the authorities in any order, with others among them, and a region's name", async () => {
  const scene = new Scene(accept);
  const regional = await certify({
    name: "metadata.azure.com",
    keys: evilKeys,
    issuer: azureMiddle,
    dns: ["westeurope.metadata.azure.com", "other.example"],
  });
  const making = { signer: regional, bag: [azureMiddle, regional] };
  const others = [pong, ping, azureRoot, azureMiddle];
  expect(outcome(await scene.register((b) => attestedDocument(documents.azure(b), making, others)))).toBe("verified");
});
