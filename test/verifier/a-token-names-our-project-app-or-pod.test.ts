import { expect, it } from "vitest";
import type { Evidence } from "../../verifier/src/index.ts";
import type { Json } from "./authorities/issuer.ts";
import { accept, claims, cluster, fly, google } from "./platforms.ts";
import { type Binding, outcome, Scene } from "./scene.ts";

const gcp = (jwt: string): Evidence => ({ kind: "gcp", jwt });
const oidc = (jwt: string): Evidence => ({ kind: "oidc", jwt });

function engineClaims(binding: Binding, changes: Json): Json {
  const honest = claims.gcp(binding) as { readonly google: { readonly compute_engine: Json } };
  return { ...honest, google: { compute_engine: { ...honest.google.compute_engine, ...changes } } };
}

it.each<{ what: string; forge: (binding: Binding) => Evidence; code: string }>([
  {
    what: "of a project that is not ours",
    forge: (b) => gcp(google.token(engineClaims(b, { project_id: "evil-builders" }))),
    code: "not-allowed",
  },
  {
    what: "of a service account that is not ours",
    forge: (b) => gcp(google.token({ ...claims.gcp(b), sub: "998877", azp: "998877" })),
    code: "not-allowed",
  },
  {
    what: "asked for by another service account",
    forge: (b) => gcp(google.token({ ...claims.gcp(b), azp: "998877" })),
    code: "claims-inconsistent",
  },
  {
    what: "of a service account outside of any VM",
    forge: (b) => gcp(google.token({ ...claims.gcp(b), google: undefined })),
    code: "instance-unnamed",
  },
  {
    what: "whose instance is a number, rounded",
    forge: (b) => gcp(google.token(engineClaims(b, { instance_id: 4_567_890_123 }))),
    code: "malformed",
  },
  {
    what: "of another app of the same organization",
    forge: (b) => oidc(fly.token({ ...claims.fly(b), app_id: "app-9999" })),
    code: "not-allowed",
  },
  {
    what: "of an app that has taken our app's name",
    forge: (b) => oidc(fly.token({ ...claims.fly(b), app_id: "app-9999", app_name: "app-4711" })),
    code: "not-allowed",
  },
  {
    what: "of no machine",
    forge: (b) => oidc(fly.token({ ...claims.fly(b), machine_id: undefined })),
    code: "instance-unnamed",
  },
  {
    what: "of a pod in another namespace",
    forge: (b) => {
      const honest = claims.kubernetes(b) as { readonly "kubernetes.io": Json };
      const changed = { ...honest["kubernetes.io"], namespace: "default" };
      return oidc(cluster.token({ ...honest, "kubernetes.io": changed }));
    },
    code: "not-allowed",
  },
  {
    what: "whose namespace is a claim of its own, with a dot in its name",
    forge: (b) => {
      const honest = claims.kubernetes(b);
      return oidc(cluster.token({ ...honest, "kubernetes.io": {}, "kubernetes.io.namespace": "builders" }));
    },
    code: "instance-unnamed",
  },
])("refuses a token $what: $code", async ({ forge, code }) => {
  const scene = new Scene(accept);
  expect(outcome(await scene.register(forge))).toBe(code);
  expect(scene.sts.asked).toEqual([]);
});

it.each(["constructor", "__proto__", "toString"])("takes no claim from where objects come from: %s", async (app) => {
  const scene = new Scene(accept);
  const verdict = await scene.register((b) => oidc(fly.token({ ...claims.fly(b), app_id: app })));
  expect(outcome(verdict)).toBe("not-allowed");
});

it("lets nobody in where the lists are empty", async () => {
  const scene = new Scene({ gcp: { keys: google.jwks, projects: [], serviceAccounts: ["112233445566778899000"] } });
  expect(outcome(await scene.register((b) => gcp(google.token(claims.gcp(b)))))).toBe("not-allowed");
  const issuers = (accept.oidc?.issuers ?? []).map((issuer) => ({ ...issuer, claims: [] }));
  const open = new Scene({ oidc: { issuers } });
  expect(outcome(await open.register((b) => oidc(fly.token(claims.fly(b)))))).toBe("not-allowed");
});
