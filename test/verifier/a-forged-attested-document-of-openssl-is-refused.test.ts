import { afterAll, expect, it } from "vitest";
import { authorities } from "./openssl/attested/authorities.ts";
import { by, content, type Forge, type Sent } from "./openssl/attested/document.ts";
import { names } from "./openssl/attested/names.ts";
import { signers } from "./openssl/attested/signers.ts";
import { statements } from "./openssl/attested/statements.ts";
import { sharedReasons } from "./openssl/forgery.ts";
import { asAzure, assembled, cms, isGoodToOpenSsl, withAzuresDigest } from "./openssl/message.ts";
import { AZURE_NAME, named, Stage } from "./openssl/stage.ts";
import { outcome, Scene } from "./scene.ts";

const stage = await Stage.open();
afterAll(() => stage[Symbol.asyncDispose]());
const { openssl, middle, signer, evil } = stage;
const forgeries = [signers, names, authorities, statements].flatMap((kind) => kind(stage));

it("takes what the same maker signs honestly, as Azure does and otherwise", async () => {
  const regional = await stage.leaf(named(`westeurope.${AZURE_NAME}`));
  const ways: readonly Forge[] = [
    async (m) => ({ pkcs7: withAzuresDigest(await asAzure(openssl, content(m), signer)) }),
    async (m) => ({ pkcs7: await cms(openssl, content(m), signer, { md: "sha512" }) }),
    by(stage, () => Promise.resolve(regional)),
    by(stage, () => stage.leaf(named(`*.${AZURE_NAME}`))),
    async (m) => ({
      pkcs7: await assembled(openssl, { content: Buffer.from(content(m)), signer, bag: [evil, middle, signer] }),
      intermediates: [evil, middle],
    }),
  ];
  for (const way of ways) expect(outcome(await verdictOf(way))).toBe("verified");
});

it.each(forgeries)("refuses an attested document $what: $code", async ({ forge, code, reason, goodTo }) => {
  const sent: Sent[] = [];
  const verdict = await verdictOf(async (machine) => {
    sent.push(await forge(machine));
    return sent[0] ?? never();
  });
  expect(verdict).toMatchObject({ verdict: "refused", code, reason });
  // What openssl itself finds good is refused for what it is, not for how it is written.
  const { pkcs7 } = sent[0] ?? never();
  expect(await isGoodToOpenSsl(openssl, pkcs7, goodTo ?? signer)).toBe(goodTo !== undefined);
});

it("tells each forgery from the others in the audit log", () => {
  expect(sharedReasons(forgeries)).toEqual([
    [
      "signed by a forger who sends the genuine certificate first",
      "signed by a forger who sends the genuine certificate last",
      "of a certificate that signs itself",
    ],
    ["signed by a forger in the name of the genuine certificate", "whose digest Azure's habit hides: SHA-1"],
    [
      "signed by an honest certificate for a URI",
      "signed by an honest certificate for an address of mail",
      "signed by an honest certificate for its subject alone",
    ],
    // One digest binds both.
    ["for an earlier challenge", "for another key"],
  ]);
});

function verdictOf(forge: Forge) {
  return new Scene(stage.accept).register(async (machine) => {
    const { pkcs7, intermediates = [middle] } = await forge(machine);
    return { kind: "azure", pkcs7, intermediates: intermediates.map(({ der }) => der) };
  });
}

function never(): never {
  throw new Error("nothing was sent");
}
