"use strict";

const page = document.getElementById("docs");
SwaggerUIBundle({
  domNode: page,
  url: page.dataset.schema,
  deepLinking: true,
  tryItOutEnabled: true,
  displayRequestDuration: true,
  persistAuthorization: false,  // a key is not stored in the browser
  validatorUrl: null,  // nothing is sent elsewhere
});
