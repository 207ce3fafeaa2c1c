/** A shape by which a secret is known whoever made it. */
export interface SecretPattern {
  /** Stable: what `redactions.json` names. */
  readonly rule: string;
  /**
   * Flags `g` and `d`. What is withheld is its group `what`, or else its first; without a group,
   * all of the match.
   */
  readonly pattern: RegExp;
}

/**
 * No match is longer: what reads text piece by piece keeps this much of it back. Every quantifier
 * below is bounded for that.
 */
export const PATTERN_MAX_CHARACTERS = 24 * 1024;

/** Names of settings whose values nobody shows, as they end: "client_secret", "DB_PASSWORD". */
const SECRET_NAME =
  "(?:password|passwd|passphrase|pwd|secret|secret[_-]?key|token|api[_-]?key|access[_-]?key|auth[_-]?key|private[_-]?key|credentials?|signature)";

/** Quotes may be escaped: JSON within JSON, as logs carry it. */
const QUOTE = String.raw`(?:\\{0,7}["'])?`;

/**
 * Read on bytes as Latin-1 (one character a byte). Too much is withheld rather than too little: a
 * word beside "password:" is worth less than a password.
 */
export const SECRET_PATTERNS: readonly SecretPattern[] = [
  {
    rule: "private-key",
    pattern:
      /-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY-----(?:[\s\S]{0,20000}?-----END [A-Z0-9 ]{0,40}PRIVATE KEY-----|(?:[A-Za-z0-9+/=]|\\[nr]|\s){0,20000})/dg,
  },
  // A key that a log took line by line: its lines alone.
  { rule: "base64-line", pattern: /(?:^|\s)([A-Za-z0-9+/]{40,1000}={0,2})[ \t\r]{0,4}$/dgm },
  { rule: "jwt", pattern: /eyJ[A-Za-z0-9_-]{6,16000}(?:\.[A-Za-z0-9_-]{0,2000}){1,4}/dg },
  { rule: "url-password", pattern: /:\/\/([^\s/?#"'<>\\]{1,2000})@/dg },
  {
    rule: "url-parameter",
    pattern: new RegExp(String.raw`[?&;](?:[\w.-]{0,60}${SECRET_NAME}|sig|key|code)=([^&\s"'<>\\]{1,16000})`, "dgi"),
  },
  {
    rule: "authorization",
    pattern: new RegExp(
      String.raw`\b(?:authorization|x-api-key|cookie)${QUOTE}[ \t]{0,4}[:=][ \t]{0,4}${QUOTE}\[?([^\r\n"'\\\]]{1,16000})`,
      "dgi",
    ),
  },
  { rule: "authorization", pattern: /\b(?:Bearer|Basic)[ +]([A-Za-z0-9._~+/-]{8,16000}={0,2})/dg },
  { rule: "tailnet-key", pattern: /\b(?:(?:tskey|hskey)-[A-Za-z0-9_-]{4,500}|privkey:[0-9a-f]{16,64})/dg },
  { rule: "aws-key", pattern: /\b(?:AKIA|ASIA)[A-Z0-9]{16}\b/dg },
  {
    rule: "service-token",
    pattern:
      /\b(?:gh[pousr]_[A-Za-z0-9]{16,255}|github_pat_\w{20,255}|gl[a-z]{2,5}-[A-Za-z0-9_-]{16,255}|npm_[A-Za-z0-9]{30,255}|xox[a-z]-[A-Za-z0-9-]{10,255}|AIza[\w-]{35}|dckr_[a-z]{3}_[\w-]{20,255}|(?:sk|rk)[-_](?:live|test|proj|ant)[\w-]{16,255})/dg,
  },
  {
    rule: "named-value",
    pattern: new RegExp(
      String.raw`(?:\b|_)${SECRET_NAME}s?${QUOTE}[ \t]{0,4}(?:=|:(?!\/\/))[ \t]{0,4}(?:\\{0,7}["'])?([^\s"'\\,;&}\]]{1,16000})`,
      "dgi",
    ),
  },
  // The words of both are a customer's Dockerfile. This is the name of a span in BuildKit's log.
  {
    rule: "build-command",
    pattern: /(?<depth>\\{0,7})"span\k<depth>": {0,4}\k<depth>"(?<what>[\s\S]{1,16000}?)(?<!\\)\k<depth>"/dg,
  },
  { rule: "build-command", pattern: /\bprocess \\{0,7}"([\s\S]{1,16000}?)\\{0,7}" did not complete/dg },
];
