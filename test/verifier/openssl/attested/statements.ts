import { DAY_MS, NOW_MS } from "../../authorities/clock.ts";
import { documents } from "../../platforms.ts";
import { anotherKey } from "../../scene.ts";
import { asAzure } from "../message.ts";
import type { Stage } from "../stage.ts";
import { type AttestedForgery, content, saying } from "./document.ts";

/** Signed by Azure, and not what a machine of ours would send now. */
export function statements(stage: Stage): readonly AttestedForgery[] {
  const { openssl, signer } = stage;
  return [
    {
      what: "for an earlier challenge",
      forge: async (m) => ({
        pkcs7: await asAzure(openssl, content({ ...m, nonce: new Uint8Array(32).fill(1) }), signer),
      }),
      code: "binding-mismatch",
      reason: "The document is bound to another challenge, or to another key.",
      goodTo: signer,
    },
    {
      what: "for another key",
      forge: async (m) => ({ pkcs7: await asAzure(openssl, content({ ...m, ...(await anotherKey()) }), signer) }),
      code: "binding-mismatch",
      reason: "The document is bound to another challenge, or to another key.",
      goodTo: signer,
    },
    {
      what: "that has expired",
      forge: async (m) => ({
        pkcs7: await asAzure(openssl, JSON.stringify(documents.azure(m, NOW_MS - DAY_MS)), signer),
      }),
      code: "expired",
      reason: "The document has expired.",
      goodTo: signer,
    },
    {
      what: "of tomorrow",
      forge: async (m) => ({
        pkcs7: await asAzure(openssl, JSON.stringify(documents.azure(m, NOW_MS + DAY_MS)), signer),
      }),
      code: "not-yet-valid",
      reason: "The document is from the future.",
      goodTo: signer,
    },
    {
      what: "of another subscription",
      forge: saying(stage, { subscriptionId: "00000000-0000-4000-8000-000000000000" }),
      code: "not-allowed",
      reason: 'The subscription "00000000-0000-4000-8000-000000000000" is not among those that are allowed.',
      goodTo: signer,
    },
    {
      what: "of no subscription",
      forge: saying(stage, { subscriptionId: undefined }),
      code: "malformed",
      reason: '"subscriptionId" is missing, or is not what such a name looks like.',
      goodTo: signer,
    },
    {
      what: "of two VMs",
      forge: saying(stage, { vmId: [vm(1), vm(2)] }),
      code: "malformed",
      reason: '"vmId" is missing, or is not what such a name looks like.',
      goodTo: signer,
    },
    {
      what: "with its VM twice",
      forge: async (m) => ({ pkcs7: await asAzure(openssl, content(m).replace("{", `{"vmId":"${vm(1)}",`), signer) }),
      code: "duplicate-key",
      reason: 'The attested document has "vmId" twice in one object.',
      goodTo: signer,
    },
    {
      what: "with its time twice, the second time inside of it",
      forge: async (m) => ({
        pkcs7: await asAzure(
          openssl,
          content(m).replace('"createdOn"', '"expiresOn":"01/01/99 00:00:00 -0000","createdOn"'),
          signer,
        ),
      }),
      code: "duplicate-key",
      reason: 'The attested document has "expiresOn" twice in one object.',
      goodTo: signer,
    },
    {
      what: "whose time is in another zone",
      forge: saying(stage, {
        timeStamp: { createdOn: "11/20/26 12:00:00 -0800", expiresOn: "11/20/26 12:00:00 -0800" },
      }),
      code: "malformed",
      reason: '"expiresOn" is missing, or is not what such a name looks like.',
      goodTo: signer,
    },
  ];
}

function vm(number: number): string {
  return `5c98a77e-6b3a-4e0a-9d7f-${String(number).padStart(12, "0")}`;
}
