import { expect, it } from "vitest";
import type { Evidence } from "../../verifier/src/index.ts";
import type { Json } from "./authorities/issuer.ts";
import { accept, awsIssuer, claims, INSTANCE_ID, OTHER_ACCOUNT, REGION, ROLE, STS } from "./platforms.ts";
import { type Binding, outcome, Scene } from "./scene.ts";

const aws = (jwt: string): Evidence => ({ kind: "aws-web-identity", jwt });

/** The claims below AWS's own name, changed. */
function awsClaims(binding: Binding, changes: Json, above: Json = {}): Json {
  const honest = claims.aws(binding);
  return { ...honest, ...above, [STS]: { ...(honest[STS] as Json), ...changes } };
}

it.each<{ what: string; forge: (binding: Binding) => Evidence; code: string }>([
  {
    what: "whose account is not its role's",
    forge: (b) => aws(awsIssuer.token(awsClaims(b, { aws_account: OTHER_ACCOUNT }))),
    code: "claims-inconsistent",
  },
  {
    what: "whose role is of another account",
    forge: (b) =>
      aws(
        awsIssuer.token(
          awsClaims(b, { principal_id: undefined }, { sub: `arn:aws:iam::${OTHER_ACCOUNT}:role/builder` }),
        ),
      ),
    code: "claims-inconsistent",
  },
  {
    what: "whose instance is of another account",
    forge: (b) =>
      aws(
        awsIssuer.token(
          awsClaims(b, { ec2_source_instance_arn: `arn:aws:ec2:${REGION}:${OTHER_ACCOUNT}:instance/${INSTANCE_ID}` }),
        ),
      ),
    code: "claims-inconsistent",
  },
  {
    what: "whose principal is not its subject",
    forge: (b) => aws(awsIssuer.token(awsClaims(b, { principal_id: `${ROLE}-2` }))),
    code: "claims-inconsistent",
  },
  {
    what: "of an IAM user",
    forge: (b) => {
      const sub = "arn:aws:iam::123456789012:user/role/builder";
      return aws(awsIssuer.token(awsClaims(b, { principal_id: sub }, { sub })));
    },
    code: "claims-inconsistent",
  },
  {
    what: "of another account altogether, from an issuer that is trusted",
    forge: (b) => {
      const sub = `arn:aws:iam::${OTHER_ACCOUNT}:role/builder`;
      const arn = `arn:aws:ec2:${REGION}:${OTHER_ACCOUNT}:instance/${INSTANCE_ID}`;
      const changes = { aws_account: OTHER_ACCOUNT, principal_id: sub, ec2_source_instance_arn: arn };
      return aws(awsIssuer.token(awsClaims(b, changes, { sub })));
    },
    code: "not-allowed",
  },
  {
    what: "of a role whose name only begins alike",
    forge: (b) => aws(awsIssuer.token(awsClaims(b, { principal_id: `${ROLE}s` }, { sub: `${ROLE}s` }))),
    code: "not-allowed",
  },
  {
    what: "of an instance in another region",
    forge: (b) =>
      aws(
        awsIssuer.token(
          awsClaims(b, { ec2_source_instance_arn: `arn:aws:ec2:us-east-1:123456789012:instance/${INSTANCE_ID}` }),
        ),
      ),
    code: "not-allowed",
  },
  {
    what: "of credentials that are no instance's",
    forge: (b) => aws(awsIssuer.token(awsClaims(b, { ec2_source_instance_arn: undefined }))),
    code: "instance-unnamed",
  },
  {
    what: "whose tags pose as an instance",
    forge: (b) =>
      aws(
        awsIssuer.token(
          awsClaims(b, {
            ec2_source_instance_arn: undefined,
            request_tags: { ec2_source_instance_arn: `arn:aws:ec2:${REGION}:123456789012:instance/${INSTANCE_ID}` },
          }),
        ),
      ),
    code: "instance-unnamed",
  },
  {
    what: "with the instance beside AWS's own claims",
    forge: (b) =>
      aws(
        awsIssuer.token(
          awsClaims(
            b,
            { ec2_source_instance_arn: undefined },
            { ec2_source_instance_arn: `arn:aws:ec2:${REGION}:123456789012:instance/${INSTANCE_ID}` },
          ),
        ),
      ),
    code: "instance-unnamed",
  },
  {
    what: "with a line break in the instance's name",
    forge: (b) =>
      aws(
        awsIssuer.token(
          awsClaims(b, { ec2_source_instance_arn: `arn:aws:ec2:${REGION}:123456789012:instance/${INSTANCE_ID}\n` }),
        ),
      ),
    code: "malformed",
  },
  {
    what: "with a way out of the instance's name",
    forge: (b) =>
      aws(
        awsIssuer.token(
          awsClaims(b, { ec2_source_instance_arn: `arn:aws:ec2:${REGION}:123456789012:instance/../${INSTANCE_ID}` }),
        ),
      ),
    code: "malformed",
  },
  {
    what: "that speaks for an end user",
    forge: (b) => aws(awsIssuer.token(awsClaims(b, { subject_mode: "OriginIdentity" }))),
    code: "delegated-identity",
  },
  {
    what: "with a scope",
    forge: (b) => aws(awsIssuer.token(awsClaims(b, {}, { scope: "openid" }))),
    code: "delegated-identity",
  },
])("refuses a token $what: $code", async ({ forge, code }) => {
  const scene = new Scene(accept);
  expect(outcome(await scene.register(forge))).toBe(code);
  expect(scene.sts.asked).toEqual([]);
});
