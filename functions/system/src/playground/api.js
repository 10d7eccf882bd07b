// Requests to the API, and what their answers say of the quota.

// The API lies where this page does, whatever the path that both are under.
const root = new URL("../", import.meta.url);

// A look at Redis is new enough for this long, in ms. Looking has a quota too.
export const FRESH = 900;

// The parameters of a structured field such as `"ping";r=4;t=9` (RFC 9651), as numbers.
function parameters(field) {
  const found = (field ?? "").matchAll(/;([a-z]+)=(\d+)/g);
  return Object.fromEntries([...found].map(([, name, value]) => [name, Number(value)]));
}

// Sends a request. The answer has `status` 0 if none came.
export async function send(method, path, json) {
  const request = { method, cache: "no-store" };
  if (json !== undefined) {
    request.headers = { "content-type": "application/json" };
    request.body = JSON.stringify(json);
  }
  const began = performance.now();
  try {
    const response = await fetch(new URL(path, root), request);
    const body = await response.json();
    const header = (name) => response.headers.get(name);
    return {
      status: response.status,
      body,
      milliseconds: Math.round(performance.now() - began),
      policy: header("ratelimit-policy"),
      limit: header("ratelimit"),
      // How many more would pass, and the seconds until one more may.
      remaining: parameters(header("ratelimit")).r,
      reset: parameters(header("ratelimit")).t,
      retryAfter: header("retry-after"),
    };
  } catch (error) {
    return { status: 0, body: { detail: String(error) }, milliseconds: Math.round(performance.now() - began) };
  }
}

// Calls `action` once at a time. Who calls meanwhile shares one more call, since its answer is newer.
export function oneAtATime(action) {
  let running = null;
  let next = null;
  const call = () => {
    running = action().finally(() => {
      running = null;
    });
    return running;
  };
  return () => {
    if (!running) {
      return call();
    }
    next ??= running.then(() => {
      next = null;
      return call();
    });
    return next;
  };
}
