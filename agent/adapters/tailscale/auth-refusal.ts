import { AgentError } from "../../core/errors.ts";

interface Meaning {
  readonly code: string;
  readonly retryable: boolean;
  /** After "The coordination server". */
  readonly words: string;
  readonly todo: string;
}

const USED: Meaning = {
  code: "tailnet.key-refused",
  retryable: false,
  words: "has seen this auth key before, and it is good for one machine only",
  todo: "Hand over a new one",
};
const EXPIRED: Meaning = {
  code: "tailnet.key-refused",
  retryable: false,
  words: "refuses the auth key: it has expired",
  todo: "Hand over a new one",
};
/** The service says the same of a key that was used, that has expired, and that never was. */
const INVALID: Meaning = {
  code: "tailnet.key-refused",
  retryable: false,
  words: "does not take the auth key: it was used already, has expired or was revoked, or is of another tailnet",
  todo: "Hand over a new one",
};
const TAGS: Meaning = {
  code: "tailnet.key-refused",
  retryable: false,
  words: "does not permit these tags with this key",
  todo: "Give the tags an owner in the tailnet's policy, or make a key that carries them",
};
const LOGS: Meaning = {
  code: "tailnet.key-refused",
  retryable: false,
  words: "requires network flow logs of every node, and a builder writes none",
  todo: "Exempt the builder's tag, or switch them off",
};

/**
 * Words of a refusal → what they mean, the first that is found. Sources: the service's answers as
 * its issue tracker quotes them ("invalid key: API key … not valid" for a used one, "invalid key:
 * API key does not exist" for an expired one, "requested tags [tag:x] are invalid or not
 * permitted"); headscale v0.27.1, hscontrol/types/preauth_key.go and hscontrol/auth.go; tailscale
 * v1.100.0, ipn/ipnlocal/local.go (logs).
 */
const MEANINGS: readonly (readonly [RegExp, Meaning])[] = [
  [/tags? .*(invalid|not permitted)|(invalid|not permitted).* tags?\b/i, TAGS],
  [/requires logging/i, LOGS],
  [/already (been )?used|has been used|single[- ]use/i, USED],
  [/(key|authkey)\b.* (has )?expired|expired .*key/i, EXPIRED],
  [
    /(invalid|unknown|revoked|unable to validate|not valid|does not exist|not found).*key|key\b.* (not valid|invalid|not found|revoked|does not exist|not exist)/i,
    INVALID,
  ],
];

/** A sentence. What goes on for longer says nothing more, and would take long to look through. */
const WORDS_MAX_CHARS = 1_000;

/**
 * What the server says to a person: it is final, but for a wait that it names itself. Undefined: it
 * only asks for patience.
 */
export function refusal(said: string): AgentError | undefined {
  const words = said.slice(0, WORDS_MAX_CHARS);
  if (/rate limited/i.test(words)) return undefined;
  const found = MEANINGS.find(([phrase]) => phrase.test(words));
  if (found !== undefined) return told(found[1], words);
  return new AgentError("tailnet.key-refused", `The coordination server refuses this machine: “${words}”`, {
    retryable: false,
  });
}

/** An error on the way in: a refusal if the server answered with one, undefined if it may pass. */
export function refusalIn(loginError: string): AgentError | undefined {
  const answered = /register request: http (\d+): (.*)$/s.exec(loginError.slice(0, WORDS_MAX_CHARS));
  const [, status = "", words = ""] = answered ?? [];
  const found = MEANINGS.find(([phrase]) => phrase.test(words));
  if (found !== undefined) return told(found[1], words);
  if (status !== "401" && status !== "403") return undefined;
  return new AgentError(
    "tailnet.key-refused",
    `The coordination server refuses this machine (${status}): “${words.trim()}”`,
    { retryable: false },
  );
}

function told({ code, retryable, words, todo }: Meaning, said: string): AgentError {
  return new AgentError(code, `The coordination server ${words} (“${said.trim()}”). ${todo}`, { retryable });
}
