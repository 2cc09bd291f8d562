"use strict";

const isDark = matchMedia("(prefers-color-scheme: dark)").matches;
document.documentElement.classList.toggle("dark-mode", isDark);  // a class of Swagger UI

// Browsers store texts that were typed into forms. An API key must not be stored.
const withoutHistory = (Input, {React}) => (props) =>
  React.createElement(Input, {...props, autoComplete: "off"});

const docs = document.getElementById("docs");
SwaggerUIBundle({
  domNode: docs,
  url: docs.dataset.schema,
  deepLinking: true,
  defaultModelExpandDepth: 2,  // with the descriptions of fields
  defaultModelsExpandDepth: -1,  // no list of schemas: each operation shows its own
  tryItOutEnabled: true,
  displayRequestDuration: true,
  persistAuthorization: false,  // nor in localStorage
  plugins: [{wrapComponents: {Input: withoutHistory}}],
  validatorUrl: null,  // nothing is sent elsewhere
});
