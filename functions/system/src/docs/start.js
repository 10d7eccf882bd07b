// Starts Swagger UI with the description that lies beside this page, whatever the path that both are under.
const description = new URL("../openapi.json", document.currentScript.src);

// Swagger UI resolves relative URLs against the page; they are relative to the description.
const absolute = (url) => new URL(url, description).href.replace(/\/$/, "");

async function start() {
  const spec = await (await fetch(description)).json();
  for (const server of spec.servers) {
    server.url = absolute(server.url);
  }
  const schemes = Object.values(spec.components.securitySchemes ?? {});
  for (const flow of schemes.flatMap((scheme) => Object.values(scheme.flows ?? {}))) {
    flow.tokenUrl = absolute(flow.tokenUrl);
    flow.refreshUrl = absolute(flow.refreshUrl);
  }
  SwaggerUIBundle({ spec, dom_id: "#docs", deepLinking: true, tryItOutEnabled: true, displayRequestDuration: true });
}

start();
