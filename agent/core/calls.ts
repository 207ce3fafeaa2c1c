/** What a build's sessions may ask of BuildKit. */
export const PERMISSIONS = [
  /** Build; see its own builds, their history and blobs. */
  "build",
  /** What lies in the cache: of every build on this machine. */
  "disk-usage",
  "prune",
  /** The history of every build on this machine. */
  "history",
  /** To pin or delete what is in the history of other builds. */
  "change-history",
] as const;

export type Permission = (typeof PERMISSIONS)[number];

/** What stock clients need, `du` and `prune` included. */
export const USUAL_PERMISSIONS: ReadonlySet<Permission> = new Set(["build", "disk-usage", "prune"]);

/** What a name in a request names. */
export type Kind = "ref" | "session" | "digest";

/**
 * Whose a name is, as the asking build is concerned. A ref or session that nobody has becomes whose
 * "claims" it.
 */
export type Belongs =
  | "own"
  | "foreign"
  | "unknown"
  /** Nobody's, and this build has as many names as one may have. */
  | "too-many";

/** Where a request names something: in a header of that name, or a field of its message. */
export interface Named<At extends string | number = string | number> {
  readonly at: At;
  readonly kind: Kind;
  /** The first to name it has it. */
  readonly claims: boolean;
  /** A request without it is refused. */
  readonly required: boolean;
  /** What a name that is not its own, or none at all, needs instead. Absent: it is refused. */
  readonly otherwise?: Permission;
}

export interface Method {
  readonly needs: Permission;
  readonly inHeader?: Named<string>;
  readonly inMessage?: readonly Named<number>[];
  /**
   * BuildKit keeps one copy of what clients of one key send, found by this header: it gets one of
   * the build's group.
   */
  readonly keyedIn?: string;
  /** Whose answer names the asker's blobs: the history of a ref, or a blob that names more. */
  readonly tells?: "history" | "blob";
  /**
   * Its message may name sessions anywhere: a source of files says whose session to ask for them.
   */
  readonly mentionsSessions?: true;
}

const CONTROL = "/moby.buildkit.v1.Control/";
const BRIDGE = "/moby.buildkit.v1.frontend.LLBBridge/";
const CONTENT = "/containerd.services.content.v1.Content/";

/** BuildKit's client/buildid/metadata.go. */
export const BUILD_HEADER = "buildkit-controlapi-buildid";
/** BuildKit's session/session.go; metadata keys are lower case on the wire. */
export const SESSION_HEADER = "x-docker-expose-session-uuid";
/** The same. */
export const SHARED_KEY_HEADER = "x-docker-expose-session-sharedkey";

/**
 * buildx asks for it once, to learn whether BuildKit keeps a history (its util/buildflags). It is
 * nobody's, and never there.
 */
const PROBE_REF = "buildx-test-history-api-feature";

const ofBuild: Method = {
  needs: "build",
  inHeader: { at: BUILD_HEADER, kind: "ref", claims: true, required: true },
  mentionsSessions: true,
};
const ofBlob: Method = {
  needs: "build",
  inMessage: [{ at: 1, kind: "digest", claims: false, required: true, otherwise: "history" }],
};

/**
 * Every method that is known, and what of its request says whose it is. Field numbers are of
 * BuildKit's api/services/control/control.proto and containerd's content.proto.
 */
const METHODS: ReadonlyMap<string, Method> = new Map<string, Method>([
  [`${CONTROL}ListWorkers`, { needs: "build" }],
  [`${CONTROL}Info`, { needs: "build" }],
  [`${CONTROL}DiskUsage`, { needs: "disk-usage" }],
  [`${CONTROL}Prune`, { needs: "prune" }],
  [
    `${CONTROL}Solve`,
    {
      needs: "build",
      inMessage: [
        { at: 1, kind: "ref", claims: true, required: true },
        { at: 5, kind: "session", claims: true, required: false },
        { at: 15, kind: "session", claims: true, required: false },
      ],
      mentionsSessions: true,
    },
  ],
  [
    `${CONTROL}Status`,
    { needs: "build", inMessage: [{ at: 1, kind: "ref", claims: true, required: true, otherwise: "history" }] },
  ],
  [
    `${CONTROL}Session`,
    {
      needs: "build",
      inHeader: { at: SESSION_HEADER, kind: "session", claims: true, required: true },
      keyedIn: SHARED_KEY_HEADER,
    },
  ],
  [
    `${CONTROL}ListenBuildHistory`,
    {
      needs: "build",
      inMessage: [{ at: 2, kind: "ref", claims: false, required: true, otherwise: "history" }],
      tells: "history",
    },
  ],
  [
    `${CONTROL}UpdateBuildHistory`,
    {
      needs: "build",
      inMessage: [{ at: 1, kind: "ref", claims: false, required: true, otherwise: "change-history" }],
    },
  ],
  ...[
    "ResolveImageConfig",
    "ResolveSourceMeta",
    "Solve",
    "ReadFile",
    "ReadDir",
    "StatFile",
    "Evaluate",
    "Ping",
    "Return",
    "Inputs",
    "NewContainer",
    "ReleaseContainer",
    "ExecProcess",
    "ReadFileContainer",
    "ReadDirContainer",
    "StatFileContainer",
    "Warn",
  ].map((name) => [`${BRIDGE}${name}`, ofBuild] as const),
  [`${CONTENT}Info`, ofBlob],
  [`${CONTENT}Read`, { ...ofBlob, tells: "blob" }],
  ["/opentelemetry.proto.collector.trace.v1.TraceService/Export", { needs: "build" }],
  ["/grpc.health.v1.Health/Check", { needs: "build" }],
]);

/** By their paths: every method that can be refused by name. */
export const KNOWN_METHODS: readonly string[] = [...METHODS.keys()];

export function methodOf(path: string): Method | undefined {
  return METHODS.get(path);
}

/** Of a session that a request's message mentions. */
export function mayMention(belongs: Belongs): Ruling {
  return belongs === "foreign" ? no("it mentions a session that is not of this build") : YES;
}

export interface Refused {
  readonly may: false;
  /** A sentence for whoever asks. */
  readonly because: string;
}

export type Ruling = { readonly may: true } | Refused;

export interface MayCall {
  readonly may: true;
  readonly method: Method;
}

const YES: Ruling = { may: true };

export function mayCall(path: string, permissions: ReadonlySet<Permission>): Refused | MayCall {
  const method = methodOf(path);
  if (method === undefined) return no(`this machine passes no call of ${shown(path)}: it is not known`);
  return permissions.has(method.needs) ? { may: true, method } : no(`this build ${mayNot(method.needs)}`);
}

/** Of one name in a request. `name` is undefined, or empty, where the request has none. */
export function mayName(
  named: Named,
  name: string | undefined,
  belongs: (kind: Kind, name: string, claims: boolean) => Belongs,
  permissions: ReadonlySet<Permission>,
): Ruling {
  const { kind, claims, required, otherwise } = named;
  const mayOtherwise = otherwise !== undefined && permissions.has(otherwise);
  if (name === undefined || name === "") {
    if (!required || mayOtherwise) return YES;
    return no(`it names no ${kind} of this build, and without one ${needed(otherwise)}`);
  }
  if (kind === "ref" && name === PROBE_REF && !claims) return YES;
  const belonging = belongs(kind, name, claims);
  if (belonging === "own" || mayOtherwise) return YES;
  if (belonging === "too-many") return no("this build has too many refs, sessions and blobs: open another one");
  return no(`the ${kind} ${shown(name)} is not of this build, and otherwise ${needed(otherwise)}`);
}

const WORDS: Readonly<Record<Permission, string>> = {
  build: "build",
  "disk-usage": "see what the cache holds",
  prune: "prune the cache",
  history: "see the history of all builds",
  "change-history": "change the history of all builds",
};

function needed(otherwise: Permission | undefined): string {
  return otherwise === undefined ? "nothing is allowed" : `a build ${mayNot(otherwise)}`;
}

function mayNot(permission: Permission): string {
  return `may not ${WORDS[permission]} here, unless whoever runs this builder allows it (OpenBuild.permissions)`;
}

function no(because: string): Refused {
  return { may: false, because };
}

/** Whatever a client wrote, in a log line and in an answer of gRPC. */
function shown(text: string): string {
  return JSON.stringify(text.length > 100 ? `${text.slice(0, 100)}…` : text);
}
