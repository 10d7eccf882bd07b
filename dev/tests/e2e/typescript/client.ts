// Uses the API. All requests, bodies and answers have the types that were generated from the description.

import createClient from "openapi-fetch";

// part of auth
import type { components } from "./schema.js";
// end of part
import type { paths } from "./schema.js";

declare const process: { argv: string[] };

function check(holds: boolean, what: unknown): asserts holds {
  if (!holds) {
    throw new Error(JSON.stringify(what));
  }
}

// part of auth
type Tokens = components["schemas"]["TokenResponse"];

const PASSWORD = "correct horse battery staple";

const form = { headers: { "Content-Type": "application/x-www-form-urlencoded" } };

type Sent = { id: string; request: Request };

/** Sends the access token, and a request that was refused once more with the next one. */
class Session {
  refreshes = 0;
  private readonly unanswered = new Map<string, Request>();

  constructor(
    readonly url: string,
    public tokens: Tokens,
  ) {}

  onRequest({ id, request }: Sent): Request {
    // A body can be read once.
    this.unanswered.set(id, request.clone());
    return this.signed(request);
  }

  async onResponse({ id, response }: Sent & { response: Response }): Promise<Response> {
    const request = this.unanswered.get(id);
    this.unanswered.delete(id);
    if (response.status !== 401 || request === undefined) {
      return response;
    }
    const { data, error } = await createClient<paths>({ baseUrl: this.url }).POST("/auth/refresh", {
      body: { grant_type: "refresh_token", refresh_token: this.tokens.refresh_token },
      ...form,
    });
    check(data !== undefined, error);
    this.tokens = data;
    this.refreshes += 1;
    return fetch(this.signed(request));
  }

  private signed(request: Request): Request {
    request.headers.set("Authorization", `Bearer ${this.tokens.access_token}`);
    return request;
  }
}

async function signIn(url: string): Promise<Session> {
  const api = createClient<paths>({ baseUrl: url });
  const username = `typescript-${crypto.randomUUID().slice(0, 8)}`;
  const registered = await api.POST("/auth/register", { body: { username, password: PASSWORD } });
  check(registered.data?.role === "user", registered);
  const refused = await api.POST("/auth/login", { body: { username, password: "wrong" }, ...form });
  check(refused.error?.error === "invalid_grant", refused);
  const { data, error } = await api.POST("/auth/login", { body: { username, password: PASSWORD }, ...form });
  check(data !== undefined, error);
  return new Session(url, data);
}

// end of part
async function main(url: string): Promise<void> {
  const api = createClient<paths>({ baseUrl: url });
  const health = await api.GET("/health");
  check(health.data?.status === "ok", health);
  // part of auth

  const session = await signIn(url);
  api.use(session);
  session.tokens = { ...session.tokens, access_token: "expired" };
  const me = await api.GET("/auth/me");
  check(me.data !== undefined && session.refreshes > 0, me);
  // end of part
  // part of auth and books

  const author = `Author ${crypto.randomUUID()}`;
  const created: number[] = [];
  for (let volume = 0; volume < 7; volume += 1) {
    if (volume === 3) {
      session.tokens = { ...session.tokens, access_token: "expired" };
    }
    const body = { title: `Volume ${volume}`, author, year: 2000 + volume };
    const { data, error } = await api.POST("/books", { body });
    check(data !== undefined, error);
    created.push(data.id);
  }
  check(session.refreshes === 2, session.refreshes);

  const seen: number[] = [];
  let cursor: string | null | undefined;
  do {
    const query = { author, page_size: 3, ...(cursor ? { cursor } : {}) };
    const { data, error } = await api.GET("/books", { params: { query } });
    check(data !== undefined && data.total === created.length, error ?? data);
    seen.push(...data.items.map((book) => book.id));
    cursor = data.next_cursor;
  } while (cursor);
  check(seen.join() === created.join(), { seen, created });

  const wrong = await api.GET("/books", { params: { query: { year_from: 2001, year_to: 2000 } } });
  check(wrong.error !== undefined && "errors" in wrong.error, wrong);
  const fields = wrong.error.errors?.map((error) => error.field).join();
  check(fields === "year_from,year_to", wrong);
  console.log(`paged through ${seen.length} books, ${session.refreshes} refreshes`);
  // end of part
}

await main(process.argv[2] ?? "");
