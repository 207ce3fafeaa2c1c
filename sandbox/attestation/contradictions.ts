import { grantsOf } from "./grants.ts";
import type { PolicyProblem } from "./problem.ts";
import type { WrittenPolicy } from "./schema.ts";

/** What is wrong only when several values are seen together. */
export function contradictions(written: WrittenPolicy): readonly PolicyProblem[] {
  return [...withoutOneSource(written), ...ofSeveralOwners(written), ...ofOneIssuer(written)];
}

/** An issuer's keys come from one place. */
function withoutOneSource(written: WrittenPolicy): readonly PolicyProblem[] {
  const { awsWebIdentity, gcp, fly, kubernetes, oidc } = written;
  return Object.entries({ awsWebIdentity, gcp, fly, kubernetes, oidc }).flatMap(([kind, entries]) =>
    entries.flatMap(({ jwksUrl, jwksFile }, index) =>
      (jwksUrl === undefined) === (jwksFile === undefined)
        ? [{ path: [kind, index], what: "needs jwksUrl or jwksFile, one of both" }]
        : [],
    ),
  );
}

/** Nobody may be let in by two entries: it would be somebody's machine by their order. */
function ofSeveralOwners(written: WrittenPolicy): readonly PolicyProblem[] {
  const first = new Map<string, string>();
  const problems: PolicyProblem[] = [];
  for (const { path, names } of grantsOf(written)) {
    if (names === undefined) {
      problems.push({ path, what: "lets in too many combinations: shorten its lists" });
      continue;
    }
    const mine = path.join("[").concat("]");
    const other = names.map((name) => first.get(name)).find((one) => one !== undefined && one !== mine);
    if (other !== undefined) problems.push({ path, what: `lets in whom ${other} lets in: whose machine is that?` });
    for (const name of names) first.set(name, first.get(name) ?? mine);
  }
  return problems;
}

/** Entries of one issuer, or of one cloud, are verified alike: they differ in whom they let in. */
function ofOneIssuer(written: WrittenPolicy): readonly PolicyProblem[] {
  const { awsWebIdentity, gcp, azure, fly, kubernetes, oidc } = written;
  return [
    ...alike("awsWebIdentity", awsWebIdentity, ({ issuer }) => issuer, ["account", "jwksUrl", "jwksFile"]),
    ...alike("gcp", gcp, () => "Google", ["jwksUrl", "jwksFile"]),
    ...alike("azure", azure, () => "Azure", ["signer", "rootFiles"]),
    ...alike("fly", fly, ({ organization }) => organization, ["jwksUrl", "jwksFile"]),
    ...alike("kubernetes", kubernetes, ({ issuer }) => issuer, ["jwksUrl", "jwksFile"]),
    ...takenTwice(kubernetes, oidc),
  ];
}

function alike<E extends object>(
  kind: string,
  entries: readonly E[],
  groupOf: (entry: E) => string,
  keys: readonly (keyof E & string)[],
): readonly PolicyProblem[] {
  return entries.flatMap((entry, index) => {
    const first = entries.findIndex((one) => groupOf(one) === groupOf(entry));
    const differing = keys.find((key) => JSON.stringify(entries[first]?.[key]) !== JSON.stringify(entry[key]));
    if (differing === undefined) return [];
    return [
      { path: [kind, index, differing], what: `differs from that of ${kind}[${first}], which is of the same issuer` },
    ];
  });
}

/** An issuer of [[oidc]] has one entry, and is no cluster of [[kubernetes]]. */
function takenTwice(kubernetes: WrittenPolicy["kubernetes"], oidc: WrittenPolicy["oidc"]): readonly PolicyProblem[] {
  return oidc.flatMap(({ issuer }, index) => {
    const isTaken =
      kubernetes.some((cluster) => cluster.issuer === issuer) ||
      oidc.slice(0, index).some((other) => other.issuer === issuer) ||
      issuer.startsWith("https://oidc.fly.io/");
    return isTaken ? [{ path: ["oidc", index, "issuer"], what: "has an entry already, or a kind of its own" }] : [];
  });
}
