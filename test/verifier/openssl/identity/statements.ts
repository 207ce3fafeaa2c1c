import { NOW_MS } from "../../authorities/clock.ts";
import { documents, OTHER_ACCOUNT } from "../../platforms.ts";
import { cms } from "../message.ts";
import type { Stage } from "../stage.ts";
import { CONTENT, changed, type IdentityForgery, signed } from "./document.ts";

/** Signed by EC2, and not what a machine of ours would send. */
export function statements(stage: Stage): readonly IdentityForgery[] {
  const { openssl, regional } = stage;
  return [
    {
      what: "of another account",
      forge: signed(stage, changed({ accountId: OTHER_ACCOUNT })),
      code: "not-allowed",
      reason: 'The account "210987654321" is not among those that are allowed.',
      goodTo: regional,
    },
    {
      what: "of a region without a certificate",
      forge: signed(stage, changed({ region: "us-west-2" })),
      code: "not-allowed",
      reason: 'No certificate is configured for "us-west-2".',
      goodTo: regional,
    },
    {
      what: "of a region of another certificate",
      forge: signed(stage, changed({ region: "us-east-1" })),
      code: "signature-invalid",
      reason: 'The document\'s signer, serial number 1001, is not a certificate that is configured for "us-east-1".',
      goodTo: regional,
    },
    {
      what: "whose region is an object's own business",
      forge: signed(stage, changed({ region: "constructor" })),
      code: "malformed",
      reason: '"region" is missing, or is not what such a name looks like.',
      goodTo: regional,
    },
    {
      what: "of an instance whose id is a path",
      forge: signed(stage, changed({ instanceId: "../i-0123456789abcdef0" })),
      code: "malformed",
      reason: '"instanceId" is missing, or is not what such a name looks like.',
      goodTo: regional,
    },
    {
      what: "with its account twice",
      forge: signed(stage, CONTENT.toString().replace("{", `{"accountId":"${OTHER_ACCOUNT}",`)),
      code: "duplicate-key",
      reason: 'The instance identity document has "accountId" twice in one object.',
      goodTo: regional,
    },
    {
      what: "with its account twice, once in another spelling",
      forge: signed(stage, CONTENT.toString().replace("{", `{"acc\\u006funtId":"${OTHER_ACCOUNT}",`)),
      code: "duplicate-key",
      reason: 'The instance identity document has "accountId" twice in one object.',
      goodTo: regional,
    },
    {
      what: "in UTF-16",
      forge: async () => {
        const document = Buffer.from(CONTENT.toString(), "utf16le");
        return { signature: await cms(openssl, document, regional), document };
      },
      code: "malformed",
      reason: "The instance identity document is not JSON.",
      goodTo: regional,
    },
    {
      what: "that is a list",
      forge: signed(stage, `[${CONTENT.toString()}]`),
      code: "malformed",
      reason: "The instance identity document is not an object of JSON.",
      goodTo: regional,
    },
    {
      what: "of a machine that started long ago",
      forge: signed(stage, JSON.stringify(documents.aws(NOW_MS - 15 * 60_000))),
      code: "expired",
      reason: "aws/123456789012/i-0123456789abcdef0 registers for the first time, and started too long ago for that.",
      goodTo: regional,
    },
    {
      what: "of a machine that starts in two minutes",
      forge: signed(stage, JSON.stringify(documents.aws(NOW_MS + 180_000))),
      code: "not-yet-valid",
      reason: "The instance has started in the future.",
      goodTo: regional,
    },
  ];
}
