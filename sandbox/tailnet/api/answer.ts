/** What an endpoint answers: a status, and an object of JSON or nothing. */
export interface Answer {
  readonly status: number;
  readonly body?: Readonly<Record<string, unknown>>;
}

/** An answer that is an error, in the one form that the API has for all of them. */
export class Refused extends Error {
  readonly answer: Answer;

  constructor(status: number, message: string) {
    super(message);
    this.name = "Refused";
    this.answer = { status, body: { message } };
  }
}

/** A wrong client secret, and a wrong, unknown or expired access token, in the API's own words. */
export const tokenInvalid = (): Refused => new Refused(401, "API token invalid");
