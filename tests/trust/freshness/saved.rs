//! A saved image, for audits that read one. Knows no engine.

use serde_json::json;

/// An image with one layer that holds nothing, as `docker save` writes it.
pub fn archive() -> Vec<u8> {
    let layer = vec![0; 1024];
    let id = "sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef";
    let config = json!({"architecture": "amd64", "os": "linux", "config": {}, "history": [{"created_by": "COPY"}],
        "rootfs": {"type": "layers", "diff_ids": [id]}});
    let manifest = json!([{"Config": "config.json", "Layers": ["layer.tar"]}]);
    let mut out = Vec::new();
    let config = config.to_string().into_bytes();
    for (name, content) in
        [("layer.tar", layer), ("config.json", config), ("manifest.json", manifest.to_string().into_bytes())]
    {
        let mut head = [0u8; 512];
        let mut put = |at: usize, text: &str| head[at..at + text.len()].copy_from_slice(text.as_bytes());
        put(0, name);
        put(100, "0000644");
        put(108, "0000000");
        put(116, "0000000");
        put(124, &format!("{:011o}\0", content.len()));
        put(136, "00000000000\0        0");
        put(257, "ustar\x0000");
        let sum: u32 = head.iter().map(|&byte| u32::from(byte)).sum();
        head[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        out.extend(head);
        out.extend(&content);
        out.resize(out.len().next_multiple_of(512), 0);
    }
    out.resize(out.len() + 1024, 0);
    out
}
