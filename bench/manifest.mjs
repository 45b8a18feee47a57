// Prints a manifest of many Deployments, for measuring what edits manifests: node bench/manifest.mjs [COUNT]
const one = (i) => `---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web-${i}
  namespace: shop-${i % 100}
  labels:
    app: web-${i}
spec:
  replicas: 2
  selector:
    matchLabels:
      app: web-${i}
  template:
    metadata:
      labels:
        app: web-${i}
    spec:
      containers:
        - name: web
          image: registry.example.com/shop/web:1.${i % 50}.0
          args: ["--listen", ":8080"]
          ports:
            - name: http
              containerPort: 8080
          env:
            - name: GREETING
              value: "hello, world ${i}" # what it says
          resources:
            requests:
              cpu: 100m
              memory: 64Mi
          readinessProbe:
            httpGet:
              path: /ready
              port: http
`;
process.stdout.write(Array.from({ length: Number(process.argv[2] ?? 10000) }, (_, i) => one(i)).join(""));
