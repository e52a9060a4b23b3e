fn main() {
    let path = std::env::args().nth(1).unwrap();
    let spec = chronik_dev::spec::unseal(&std::fs::read_to_string(path).unwrap()).unwrap();
    let exit = chronik_dev::node::run(&spec);
    std::process::exit(exit.code().into());
}
