import { CLUSTER } from "./machine.ts";
import { type JwtSigner, signJwt } from "./sign-jwt.ts";

/** What kubelets ask for by default. */
const LIFETIME_S = 3_607;

/**
 * A pod's projected service account token, as a kubelet writes it to a file. Source: Kubernetes'
 * documentation, "Configure Service Accounts for Pods", "ServiceAccount token volume projection".
 */
export function projectedToken(signer: JwtSigner, audience: string, nowMs: number): string {
  const iat = Math.floor(nowMs / 1_000);
  const { issuer, namespace, serviceAccount, pod } = CLUSTER;
  return signJwt(signer, {
    iss: issuer,
    aud: [audience],
    sub: `system:serviceaccount:${namespace}:${serviceAccount}`,
    iat,
    nbf: iat,
    exp: iat + LIFETIME_S,
    "kubernetes.io": { namespace, pod, serviceaccount: { name: serviceAccount, uid: pod.uid } },
  });
}
