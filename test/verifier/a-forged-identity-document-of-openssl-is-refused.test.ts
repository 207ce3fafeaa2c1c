import { afterAll, expect, it } from "vitest";
import type { Evidence } from "../../verifier/src/index.ts";
import { sharedReasons } from "./openssl/forgery.ts";
import { attributes } from "./openssl/identity/attributes.ts";
import { ATTRIBUTES, CONTENT, type Sent, whole } from "./openssl/identity/document.ts";
import { forms } from "./openssl/identity/forms.ts";
import { signers } from "./openssl/identity/signers.ts";
import { statements } from "./openssl/identity/statements.ts";
import { asEc2, assembled, cms, isGoodToOpenSsl } from "./openssl/message.ts";
import { Stage } from "./openssl/stage.ts";
import { outcome, Scene } from "./scene.ts";

const stage = await Stage.open();
afterAll(() => stage[Symbol.asyncDispose]());
const { openssl, regional } = stage;
const forgeries = [signers, attributes, forms, statements].flatMap((kind) => kind(stage));
const evidenceOf = (sent: Sent): Evidence => ({ kind: "aws-instance-identity", ...sent });

it("takes what the same maker signs honestly, as EC2 does and otherwise", async () => {
  const ways = [
    asEc2(openssl, CONTENT.toString(), regional),
    cms(openssl, CONTENT, regional),
    cms(openssl, CONTENT, regional, { md: "sha384", more: ["-keyid"] }),
    assembled(openssl, { content: CONTENT, signer: regional, attributes: ATTRIBUTES }),
    assembled(openssl, { content: CONTENT, signer: regional, bag: [regional] }),
  ];
  for (const way of ways) {
    const signature = await way;
    expect(await isGoodToOpenSsl(openssl, signature, regional)).toBe(true);
    expect(outcome(await new Scene(stage.accept).register(() => evidenceOf(whole(signature))))).toBe("verified");
  }
});

it.each(forgeries)("refuses an identity document $what: $code", async ({ forge, code, reason, goodTo }) => {
  const sent = whole(await forge());
  const verdict = await new Scene(stage.accept).register(() => evidenceOf(sent));
  expect(verdict).toMatchObject({ verdict: "refused", code, reason });
  // What openssl itself finds good is refused for what it is, not for how it is written.
  expect(await isGoodToOpenSsl(openssl, sent.signature, goodTo ?? regional)).toBe(goodTo !== undefined);
});

it("tells each forgery from the others in the audit log", () => {
  expect(sharedReasons(forgeries)).toEqual([
    [
      "signed by a forger who sends the genuine certificate first",
      "signed by a forger who sends the genuine certificate last",
    ],
    [
      "signed by a forger in the name of the genuine certificate",
      "with its content swapped",
      "with its content swapped, and the digest in attributes that are not signed anew",
    ],
    ["with its account twice", "with its account twice, once in another spelling"],
  ]);
});
