/** What is answered, before HTTP. */
export interface Answer {
  readonly status: 200 | 400 | 404 | 405 | 500 | 503;
  readonly type: string;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export function text(status: Answer["status"], body: string): Answer {
  return { status, type: "text/plain; charset=utf-8", body: `${body}\n` };
}
